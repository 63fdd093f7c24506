// One key: what it is, its value, its history, and changes to it by compare-and-swap.

import { shown, utf8 } from "./bytes.js";
import { conflictView } from "./conflict.js";
import { deletionOf } from "./deleted.js";
import { confirm } from "./dialog.js";
import { button, el, fill } from "./dom.js";
import { Editor } from "./editor.js";
import { formatsOf, same } from "./formats.js";
import { History } from "./history.js";
import { facts } from "./keyhead.js";
import { showPath } from "./path.js";
import { Changed } from "./store.js";
import { trouble } from "./trouble.js";
import { formatSwitch, valueView } from "./valueview.js";

const number = (count) => count.toLocaleString("en");
const KEPT = "Your text is kept here. It is not saved by itself: save again when etcd is back.";

/** Fires "left" when the user goes back to the tree, "folder" with the prefix of a part of the path. */
export class KeyPanel extends EventTarget {
  #app;
  #kv; // what etcd has, as far as we know; null when the key was deleted
  #last; // the last value there was
  #gone = null; // {revision} that deleted it, null where that is not known yet
  #format;
  #tab = "value";
  #history = null;
  #editor = null;
  #seen = 0n; // the revision that an edit began from
  #busy = false;
  #choosing = false; // between two values, in a conflict
  #path = el("h1", { class: "path" });
  #facts = el("dl", { class: "facts" });
  #tabs = el("div", { class: "bar" });
  #body = el("div", { class: "body" });
  #notice = el("div", { class: "strip", role: "status" });

  /** `deletion` is the revision that deleted the key, where `kv` is what was there before; null where it is there. */
  constructor(app, kv, deletion = null) {
    super();
    this.#app = app;
    this.#last = kv;
    this.#kv = deletion === null ? kv : null;
    this.#gone = deletion === null ? null : { revision: deletion };
    this.#format = formatsOf(kv.value)[0];
    this.key = kv.key;
    this.node = el("article", { class: "panel", "aria-label": "Key" },
      el("header", { class: "panel-head" },
        button("Back to the keys", { icon: "back", bare: true, kind: "back", onclick: () => this.dispatchEvent(new Event("left")) }),
        this.#path,
        button("Copy the key", { icon: "copy", bare: true, kind: "quiet", onclick: () => app.copy(shown(this.key)) })),
      this.#facts, this.#tabs, this.#body, this.#notice);
    showPath(this.#path, kv.key, (prefix) => this.dispatchEvent(new CustomEvent("folder", { detail: prefix })));
    this.#draw();
  }

  get dirty() {
    return this.#editor?.dirty ?? false;
  }

  get editing() {
    return this.#editor !== null;
  }

  /** The key has changed in etcd; null: it was deleted, in that revision. */
  take(kv, revision) {
    const known = this.#kv?.modified ?? this.#gone?.revision ?? this.#last.modified;
    if (revision > known) this.#change(kv, kv ? null : { revision });
  }

  #change(kv, gone) {
    this.#kv = kv;
    this.#gone = gone;
    if (kv) this.#last = kv;
    if (this.#editor || this.#choosing) {
      this.#drawFacts();
      this.#drawNotice();
      return;
    }
    if (kv && !formatsOf(kv.value).includes(this.#format)) this.#format = formatsOf(kv.value)[0];
    if (kv && this.#history) this.#history.add(kv);
    this.#draw();
    this.node.classList.remove("changed");
    void this.node.offsetWidth; // so that the animation begins again
    this.node.classList.add("changed");
  }

  /** Take in what etcd has now, and give it; null: it was deleted. */
  async read() {
    const { kvs: [kv = null], revision } = await this.#app.store.range({ key: this.key, end: `${this.key}\0`, limit: 1 });
    if (kv) this.take(kv, kv.modified);
    else if (this.#kv && revision >= this.#kv.modified) {
      this.#change(null, { revision: null });
      this.#date();
    }
    return kv;
  }

  // Nobody has told in which revision the key was deleted: find out.
  async #date() {
    const [gone, last] = [this.#gone, this.#last];
    try {
      const found = await deletionOf(this.#app.store, this.key, { last, mayWatch: this.#app.may.watch });
      if (this.#gone !== gone || !found) return;
      this.#gone = { revision: found.revision };
      this.#drawFacts();
    } catch {
      // It is said to be deleted, without a revision.
    }
  }

  /** Begin to edit, with the value in etcd or with another one. */
  edit(start = undefined) {
    if (!this.#app.may.put || this.#editor) return;
    this.#begin(this.#kv?.modified ?? 0n, start ?? this.#last.value);
  }

  #begin(seen, start) {
    const original = this.#kv?.value ?? null;
    const formats = formatsOf(start);
    this.#seen = seen;
    this.#tab = "value";
    this.#editor = new Editor({ original, start, format: formats.includes(this.#format) ? this.#format : formats[0] });
    this.#editor.addEventListener("input", () => this.#drawNotice());
    this.#draw();
    this.#editor.focus();
  }

  /** Leave the editor; asks where something would be lost. */
  async cancel() {
    if (!this.#editor || (this.dirty && !(await confirm("Discard your changes?", "What you have typed is not saved.", "Discard")))) return false;
    this.#show();
    return true;
  }

  // Back to what etcd has.
  #show() {
    this.#editor = null;
    this.#format = formatsOf(this.#last.value)[0];
    this.#draw();
    // Unless the user has gone elsewhere meanwhile, what had the focus is gone.
    if (document.activeElement === document.body) this.#tabs.querySelector(".button")?.focus({ preventScroll: true });
  }

  async save() {
    if (!this.#editor || this.#busy) return;
    let mine;
    try {
      mine = this.#editor.value();
    } catch {
      return; // the editor says what is wrong
    }
    await this.#swap(mine, this.#seen);
  }

  // Save `mine` (null: delete) over what was seen, or let the user choose.
  async #swap(mine, seen) {
    this.#work(true);
    this.#editor?.forget();
    try {
      await (mine === null ? this.#app.store.remove(this.key, seen) : this.#put(mine, seen));
    } catch (error) {
      this.#work(false);
      if (!(error instanceof Changed)) this.#failed(error, mine);
      else if (mine && error.current && same(mine, error.current.value)) await this.#saved(mine); // an answer was lost
      else if (mine !== null || error.current) this.#conflict(error.current, mine, seen);
      else this.#vanished();
      return;
    }
    this.#work(false);
    await this.#saved(mine);
  }

  // The lease is kept without being named: this user may not see it.
  #put(mine, seen) {
    return this.#app.store.put(this.key, mine, { seen, keepLease: seen !== 0n && this.#kv?.lease > 0n });
  }

  // The text stays where it was typed, and is told to be unsaved right there.
  #failed(error, mine) {
    const { kind, title, detail } = trouble(error);
    if (mine !== null) this.#editor?.fail(`Not saved: ${title}`, kind === "away" ? KEPT : detail, kind);
    this.#app.failed(error, mine === null ? "Not deleted" : "Not saved");
  }

  /** etcd can be reached again. */
  healed() {
    this.#editor?.healed();
  }

  // The watch may be quicker or slower than this, or not allowed: read what is there now.
  async #saved(mine) {
    this.#editor = null;
    this.#app.done(mine === null ? "Deleted" : "Saved");
    try {
      this.#app.saved(this.key, await this.read());
    } catch (error) {
      this.#app.failed(error);
    }
    this.#history = null;
    this.#show();
  }

  #vanished() {
    this.#kv = null;
    this.#gone ??= { revision: null };
    if (!this.#gone.revision) this.#date();
    this.#app.done("It was deleted already");
    this.#show();
  }

  #conflict(theirs, mine, seen) {
    this.#kv = theirs;
    if (theirs) [this.#last, this.#gone] = [theirs, null];
    else this.#gone ??= { revision: null };
    if (this.#gone && !this.#gone.revision) this.#date();
    this.#choosing = true; // what is compared stays as it is; a newer change makes a conflict again
    this.#drawFacts();
    const now = theirs?.modified ?? 0n;
    const view = conflictView({ theirs, mine, seen }, {
      onMine: () => this.#swap(mine, now),
      onTheirs: () => this.#show(),
      onEdit: () => {
        this.#editor = null;
        this.#begin(now, mine);
      },
    });
    fill(this.#tabs, el("span", { class: "bar-title" }, "Conflict"));
    fill(this.#notice);
    fill(this.#body, view);
    view.querySelector("button").focus();
  }

  async remove() {
    if (!this.#app.may.remove || !this.#kv || this.#editor || this.#busy || this.#choosing) return;
    const { modified } = this.#kv;
    const sure = await confirm("Delete this key?", `${shown(this.key)} at revision ${number(modified)}`, "Delete");
    if (sure) await this.#swap(null, modified);
  }

  showTab(tab) {
    if (this.#editor || this.#choosing) return;
    this.#tab = tab;
    this.#draw();
  }

  #work(busy) {
    this.#busy = busy;
    this.node.toggleAttribute("aria-busy", busy);
    for (const control of this.#tabs.querySelectorAll("button")) control.disabled = busy;
  }

  #draw() {
    this.#choosing = false;
    this.#drawFacts();
    this.#drawTabs();
    this.#drawBody();
    this.#drawNotice();
  }

  #drawFacts() {
    fill(this.#facts, facts(this.#last, { app: this.#app, gone: this.#gone }));
  }

  #drawTabs() {
    if (this.#editor) {
      fill(this.#tabs, el("span", { class: "bar-title" }, "Edit"), el("span", { class: "space" }),
        button("Cancel", { onclick: () => this.cancel() }),
        button("Save", { kind: "primary", title: "Ctrl + Enter", onclick: () => this.save() }));
      return;
    }
    const tab = (name, label) => el("button", {
      type: "button", class: "tab", role: "tab", "aria-selected": String(this.#tab === name),
      onclick: () => this.showTab(name),
    }, label);
    const { put, remove } = this.#app.may;
    fill(this.#tabs,
      el("div", { class: "tabs", role: "tablist" }, tab("value", "Value"), tab("history", "History")),
      el("span", { class: "space" }),
      put ? button(this.#kv ? "Edit" : "Create again", { icon: "pencil", onclick: () => this.edit() }) : null,
      remove && this.#kv ? button("Delete", { icon: "trash", kind: "danger", onclick: () => this.remove() }) : null);
  }

  #drawBody() {
    if (this.#editor) {
      fill(this.#body, this.#editor.node);
    } else if (this.#tab === "history") {
      const restore = this.#app.may.put ? (value) => this.edit(value) : null;
      this.#history ??= new History(this.#app.store, this.#last, restore);
      this.#history.gone = this.#kv === null;
      fill(this.#body, this.#history.node);
    } else {
      const { value } = this.#last;
      const choose = (name) => {
        this.#format = name;
        this.#drawBody();
        this.#body.querySelector("[aria-pressed=true]").focus();
      };
      fill(this.#body, el("div", { class: "value-bar" },
        formatSwitch(formatsOf(value), this.#format, choose),
        el("span", { class: "space" }),
        this.#format === "hex" ? null : button("Copy the value", {
          icon: "copy", bare: true, kind: "quiet",
          onclick: () => this.#app.copy(utf8(value)),
        })), valueView(value, this.#format));
    }
  }

  // While somebody edits, the value below their hands must not change: it is said instead.
  #drawNotice() {
    const now = this.#kv?.modified ?? 0n;
    if (!this.#editor || this.#busy || this.#choosing || now === this.#seen) {
      fill(this.#notice);
      return;
    }
    const what = this.#kv ? `Changed by somebody else, revision ${number(now)}.` : "Deleted by somebody else.";
    const mine = () => {
      try {
        this.#conflict(this.#kv, this.#editor.value(), this.#seen);
      } catch {
        // the editor says what is wrong
      }
    };
    fill(this.#notice, el("div", { class: "notice warning" }, el("span", {}, what), button("Compare", { onclick: mine })));
  }
}
