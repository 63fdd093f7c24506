// The first script of a page, without any other: where a part of the page does not load, or fails as it begins, the page
// says so and offers to reload it. Without this it would stay blank, as no other script is there to say anything.
"use strict";

(() => {
  let over = false; // the page has begun, or has failed

  const NOT_LOADED = "A part of this page could not be loaded";
  const THREW = "This page could not begin";
  const ADVICE = {
    [NOT_LOADED]: "The network, a proxy or an extension of the browser may have held it back.",
    [THREW]: "A part of it may be of another release, or not be for this browser.",
  };

  const element = (tag, properties, ...children) => {
    const node = Object.assign(document.createElement(tag), properties);
    node.append(...children);
    return node;
  };

  const show = (title, detail) => {
    const reload = element("button", { type: "button", className: "button primary", textContent: "Reload" });
    reload.addEventListener("click", () => location.reload());
    const card = element("div", { className: "gate-card" },
      element("h1", { textContent: title }), element("p", { className: "said", textContent: detail }),
      element("p", { textContent: ADVICE[title] }),
      element("div", { className: "actions" }, reload));
    const section = element("section", { id: "failed", className: "gate" }, card);
    section.setAttribute("role", "alert");
    const main = document.querySelector("main");
    main.replaceChildren(section);
    for (const state of document.querySelectorAll("[data-state]")) state.hidden = true; // it says "connecting"
    reload.focus();
  };

  const fail = (title, detail) => {
    if (over) return;
    over = true;
    if (document.querySelector("main") && document.readyState !== "loading") show(title, detail);
    else document.addEventListener("DOMContentLoaded", () => show(title, detail));
  };

  const nameOf = (url) => url.split(/[?#]/)[0].split("/").pop();

  // A script or a style that does not come; of a module that imports others, it may be one of those.
  const missing = (target) => {
    const name = nameOf(target.src || target.href || "");
    fail(NOT_LOADED, target.type === "module" ? `${name}, or a module that it needs` : name);
  };

  addEventListener("error", (event) => {
    const { target, error } = event;
    const { localName, rel } = target;
    if (localName === "script" || (localName === "link" && rel === "stylesheet")) missing(target);
    else if (error) fail(THREW, `${event.message} (${nameOf(event.filename)}, line ${event.lineno})`);
  }, true);
  addEventListener("unhandledrejection", ({ reason }) => fail(THREW, String(reason?.message ?? reason)));

  window.explorerStart = {
    /** The page has begun: what fails from now on it says itself. */
    begun() {
      over = true;
    },
  };
})();
