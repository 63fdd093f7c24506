// A key that is not there: while etcd is asked for its history, and when it has none.

import { shown } from "./bytes.js";
import { button, el, fill } from "./dom.js";
import { newHash } from "./route.js";
import { showPath } from "./path.js";

const NO_HISTORY = "etcd has no history of it: it was never there, or its history was compacted.";
const NOT_FOUND = "No history of it was found. You may not watch, so a key that was there for a short time alone is not found.";

/** Fires "left" when the user goes back to the tree, and "open" with the key to look again. */
export class AbsentKey extends EventTarget {
  editing = false;
  dirty = false;
  #app;
  #failed = false;
  #text = el("div", { class: "absent", role: "status" }, el("p", {}, "Looking for its history…"));

  constructor(app, key) {
    super();
    this.#app = app;
    this.key = key;
    const heading = el("h1", { class: "path" });
    this.node = el("article", { class: "panel", "aria-label": "Key" },
      el("header", { class: "panel-head" },
        button("Back to the keys", { icon: "back", bare: true, kind: "back", onclick: () => this.dispatchEvent(new Event("left")) }),
        heading),
      el("div", { class: "body" }, this.#text));
    showPath(heading, key, (prefix) => app.find(prefix));
  }

  /** Say that etcd knows nothing of it. */
  miss() {
    fill(this.#text,
      el("p", {}, `There is no key ${shown(this.key)}.`),
      el("p", { class: "faint" }, this.#app.may.watch ? NO_HISTORY : NOT_FOUND),
      this.#app.may.put ? button("Create it", { icon: "plus", kind: "primary", onclick: () => this.#create() }) : null);
  }

  /** Say that its history could not be read. */
  fail(error) {
    this.#failed = true;
    fill(this.#text,
      el("p", {}, `There is no key ${shown(this.key)}, and its history could not be read: ${error.message}`),
      button("Try again", { icon: "refresh", onclick: () => this.#again() }));
  }

  /** etcd can be reached again. */
  healed() {
    if (this.#failed) this.#again();
  }

  #again() {
    this.dispatchEvent(new CustomEvent("open", { detail: this.key }));
  }

  #create() {
    location.hash = newHash(this.key);
  }
}
