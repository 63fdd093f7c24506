// What is said of all the keys that are shown: how many there are, or that there are none.

import { button, el, fill } from "./dom.js";

const $ = (id) => document.getElementById(id);

export class Summary {
  #create;

  /** `create()` begins a new key. */
  constructor(create) {
    this.#create = create;
  }

  draw({ root, prefix }, mayPut) {
    const keys = root.count === 1 ? "key" : "keys";
    $("count").textContent = root.count === null ? "" : `${root.count.toLocaleString("en")} ${keys}`;
    const empty = root.loaded && root.entries.length === 0 && root.cursor === null;
    if (empty && $("no-keys").hidden) {
      fill($("no-keys"), el("p", {}, prefix ? "No key begins with this." : "There are no keys yet."),
        mayPut ? button("New key", { icon: "plus", kind: "primary", onclick: this.#create }) : null);
    }
    $("no-keys").hidden = !empty;
  }
}
