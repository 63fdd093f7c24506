// A key as a path of folders. Where it is too long for its place its middle is folded away, then all of its folders:
// the key's own name is always seen.

import { el, fill } from "./dom.js";
import { named } from "./treeview.js";

const WHOLE = "whole";
const FOLDED = "folded"; // without the folders between the first and the last
const LEAF = "leaf"; // without any folder
const OPENED = "opened"; // whole, as the user has asked for it

/** Give a heading the path of a key; `open(prefix)` is called with the folder that is chosen. */
export function showPath(heading, key, open) {
  const folders = key.split("/");
  const name = folders.pop();
  let prefix = "";
  const crumbs = folders.map((part, at) => {
    prefix += `${part}/`;
    const target = prefix;
    const place = at === 0 ? "first" : at === folders.length - 1 ? "last" : "middle";
    const crumb = { type: "button", class: "crumb", onclick: () => open(target) };
    return el("span", { class: `folder ${place}` }, el("button", crumb, named(part)), el("span", { class: "slash" }, "/"));
  });
  const more = el("button", {
    type: "button", class: "crumb fold", "aria-label": "Show the whole path", title: "Show the whole path",
    onclick: () => {
      heading.dataset.path = OPENED;
      heading.querySelector(".crumb").focus();
    },
  }, "…");
  const leaf = el("span", { class: "leaf" }, name === "" ? el("span", { class: "faint" }, "(empty name)") : named(name));
  const [first, ...others] = crumbs;
  const fold = crumbs.length ? el("span", { class: "folding" }, more, el("span", { class: "slash" }, "/")) : null;
  fill(heading, first ?? null, fold, others, leaf);
  heading.dataset.path = WHOLE;
  // The panel's own size does not depend on the path: what is folded does not make this begin again.
  new ResizeObserver(() => fit(heading)).observe(heading.closest(".panel"));
}

/** Fold as much of the path as has to be. */
function fit(heading) {
  if (heading.dataset.path === OPENED) return;
  for (const state of [WHOLE, FOLDED, LEAF]) {
    heading.dataset.path = state;
    if (heading.scrollHeight <= heading.clientHeight) return;
  }
}
