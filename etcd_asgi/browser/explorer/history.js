// What a key was before: etcd is asked for it at the revision before each change, until the key was created or the
// history was compacted.

import { size } from "./bytes.js";
import { button, el, fill } from "./dom.js";
import { kindOf } from "./trouble.js";
import { changesView } from "./valueview.js";

const PAGE = 20;

const number = (count) => count.toLocaleString("en");

export class History {
  #store;
  #found; // from the newest to the oldest
  #chosen = 0;
  #end = null; // why there is nothing older
  #busy = false;
  #list = el("ol", { class: "revisions", "aria-label": "Revisions" });
  #view = el("div", { class: "revision" });
  #restore;
  #gone = false;

  /** `restore(value)` puts an old value into the editor; null where nothing may be changed. */
  constructor(store, kv, restore) {
    this.#store = store;
    this.#found = [kv];
    this.#restore = restore;
    this.node = el("div", { class: "history" }, this.#list, this.#view);
    this.#settle(kv);
    this.#draw();
    this.older();
  }

  /** Whether the newest value is one that was deleted. */
  set gone(gone) {
    if (gone === this.#gone) return;
    this.#gone = gone;
    this.#draw();
  }

  /** The key has a newer value. */
  add(kv) {
    if (kv.modified <= this.#found[0].modified) return;
    this.#found.unshift(kv);
    if (this.#chosen > 0) this.#chosen += 1;
    this.#draw();
  }

  /** Read a page of older values. */
  async older() {
    if (this.#busy || this.#end) return;
    this.#busy = true;
    this.#draw();
    try {
      for (let count = 0; count < PAGE && !this.#end; count += 1) await this.#step();
    } catch (error) {
      this.#end = kindOf(error) === "compacted"
        ? "Older revisions were compacted."
        : `Older revisions could not be read: ${error.message}`;
    }
    this.#busy = false;
    this.#draw();
  }

  async #step() {
    const oldest = this.#found.at(-1);
    const before = await this.#store.get(oldest.key, oldest.modified - 1n);
    if (before === null) this.#end = "There is nothing before.";
    else this.#found.push(before);
    this.#settle(this.#found.at(-1));
  }

  #settle(oldest) {
    if (oldest.version === 1n) this.#end = "The key was created here.";
  }

  #draw() {
    const rows = this.#found.map((kv, at) => el("li", {}, this.#row(kv, at)));
    const last = this.#end
      ? el("li", { class: "end" }, this.#end)
      : el("li", {}, button(this.#busy ? "Reading…" : "Older revisions", { kind: "inline", disabled: this.#busy, onclick: () => this.older() }));
    fill(this.#list, rows, last);
    this.#show();
  }

  #row(kv, at) {
    return el("button", {
      type: "button",
      class: "revision-row",
      "aria-current": at === this.#chosen ? "true" : null,
      onclick: () => this.#choose(at),
    },
    el("span", { class: "number" }, number(kv.modified)),
    el("span", { class: "faint" }, at === 0 && !this.#gone ? "now" : `version ${number(kv.version)}`),
    el("span", { class: "faint size" }, size(kv.value.length)));
  }

  #choose(at) {
    this.#chosen = at;
    this.#draw();
    this.#list.querySelector("[aria-current]").focus({ preventScroll: true });
  }

  #show() {
    const [kv, before] = [this.#found[this.#chosen], this.#found[this.#chosen + 1] ?? null];
    const note = before ? `compared with revision ${number(before.modified)}` : "the oldest known value";
    fill(this.#view,
      el("div", { class: "revision-head" },
        el("span", { class: "faint" }, `Revision ${number(kv.modified)}, ${note}`),
        (this.#chosen > 0 || this.#gone) && this.#restore
          ? button("Restore this value…", { onclick: () => this.#restore(kv.value) })
          : null),
      changesView(before?.value ?? null, kv.value));
  }
}
