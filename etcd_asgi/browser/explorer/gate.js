// The page that is shown in place of the keys, while nobody is logged in or nothing can be read.

import { button, el, fill } from "./dom.js";
import { trouble } from "./trouble.js";

const $ = (id) => document.getElementById(id);

/** Say why nothing is shown; `again` is tried when the user asks, and when they come back to the page. */
export function gate(error, again) {
  const { title, detail, kind } = trouble(error);
  const attempt = async () => {
    retry.disabled = true;
    try {
      await again();
      removeEventListener("focus", attempt);
    } catch (latest) {
      retry.disabled = false;
      if (trouble(latest).detail === detail) return;
      removeEventListener("focus", attempt);
      gate(latest, again);
    }
  };
  const retry = button("Try again", { kind: "primary", onclick: attempt });
  const advice = kind === "login"
    ? "This page uses the login of the application around it. Log in there; this page goes on when you come back."
    : "";
  const same = detail.toLowerCase() === title.toLowerCase();
  fill($("gate"), el("div", { class: "gate-card" },
    el("h1", {}, title), same ? null : el("p", { class: "said" }, detail), advice && el("p", {}, advice),
    el("div", { class: "actions" }, retry,
      kind === "login" ? el("a", { class: "button", href: "/" }, "To the application") : null,
      kind === "error" ? button("Reload", { onclick: () => location.reload() }) : null)));
  $("gate").hidden = false;
  addEventListener("focus", attempt);
}
