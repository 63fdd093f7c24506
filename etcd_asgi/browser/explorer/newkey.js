// A new key: only if there is none of that name.

import { shown, typed } from "./bytes.js";
import { conflictView } from "./conflict.js";
import { confirm } from "./dialog.js";
import { button, el, fill } from "./dom.js";
import { Editor } from "./editor.js";
import { Changed } from "./store.js";
import { trouble } from "./trouble.js";

const KEPT = "Your text is kept here. It is not created by itself: try again when etcd is back.";

/** Fires "left" when the user gives up, "made" with the key when it exists. */
export class NewKey extends EventTarget {
  #app;
  #folder;
  #editor = new Editor({ original: null, start: new Uint8Array(), format: "text" });
  #problem = el("p", { class: "problem", role: "alert" });
  #name;
  #seconds = el("input", {
    id: "new-ttl", class: "field short", inputMode: "numeric", placeholder: "never",
    autocomplete: "off", oninput: () => this.#clear(),
  });
  #body = el("div", { class: "body" });
  #save = button("Create", { kind: "primary", title: "Ctrl + Enter", onclick: () => this.save() });

  /** `folder` is what the name begins with. */
  constructor(app, folder) {
    super();
    this.#app = app;
    this.#folder = shown(folder);
    this.#name = el("input", {
      id: "new-name", class: "field mono", value: this.#folder, spellcheck: false,
      autocapitalize: "off", autocomplete: "off", oninput: () => this.#clear(),
    });
    this.node = el("article", { class: "panel", "aria-label": "New key" },
      el("header", { class: "panel-head" },
        button("Back to the keys", { icon: "back", bare: true, kind: "back", onclick: () => this.cancel() }),
        el("h1", { class: "path" }, el("span", { class: "leaf" }, "New key")),
        button("Cancel", { onclick: () => this.cancel() }), this.#save),
      this.#body);
    this.#form();
  }

  get dirty() {
    return this.#editor.dirty || this.#name.value !== this.#folder;
  }

  editing = true;

  focus() {
    this.#name.focus();
    this.#name.setSelectionRange(this.#name.value.length, this.#name.value.length);
  }

  async cancel() {
    if (this.dirty && !(await confirm("Discard the new key?", "What you have typed is not saved.", "Discard"))) return false;
    this.dispatchEvent(new Event("left"));
    return true;
  }

  async save() {
    let [key, value, seconds] = [null, null, null];
    try {
      [key, seconds] = [this.#key(), this.#ttl()];
      value = this.#editor.value();
    } catch (error) {
      if (key === null || seconds === null) this.#wrong(error.message);
      return;
    }
    await this.#put(key, value, { seen: 0n, seconds });
  }

  #form() {
    const ttl = this.#app.may.grantLease && el("div", { class: "label-row" },
      el("label", { for: "new-ttl" }, "Expires after"), this.#seconds, el("span", { class: "faint" }, "seconds"));
    fill(this.#body, el("div", { class: "form" },
      el("label", { for: "new-name" }, "Key"), this.#name, this.#problem,
      ttl, this.#editor.node));
  }

  async #put(key, value, { seen, seconds }) {
    this.#save.disabled = true;
    this.#editor.forget();
    let lease = 0n;
    try {
      if (seconds > 0) lease = await this.#app.store.grantLease(seconds);
      await this.#app.store.put(key, value, { seen, lease });
      this.#app.done("Created");
      this.dispatchEvent(new CustomEvent("made", { detail: key }));
    } catch (error) {
      if (lease) this.#app.store.revoke(lease).catch(() => {}); // it would run out by itself
      if (error instanceof Changed) this.#conflict(error.current, { key, value, seen, seconds });
      else this.#failed(error);
    }
    this.#save.disabled = false;
  }

  #failed(error) {
    const { kind, title, detail } = trouble(error);
    this.#editor.fail(`Not created: ${title}`, kind === "away" ? KEPT : detail, kind);
    this.#app.failed(error, "Not created");
  }

  /** etcd can be reached again. */
  healed() {
    this.#editor.healed();
  }

  #conflict(theirs, { key, value, seen, seconds }) {
    const view = conflictView({ theirs, mine: value, seen }, {
      onMine: () => this.#put(key, value, { seen: theirs?.modified ?? 0n, seconds }),
      onTheirs: () => theirs ? this.dispatchEvent(new CustomEvent("made", { detail: key })) : this.#form(),
      onEdit: () => this.#form(),
    });
    fill(this.#body, view);
    view.querySelector("button").focus();
  }

  #key() {
    const key = typed(this.#name.value);
    if (key === "") throw new Error("A key has a name.");
    return key;
  }

  #ttl() {
    const text = this.#seconds.value.trim();
    if (text === "") return 0;
    if (!/^[1-9][0-9]{0,9}$/.test(text)) throw new Error("Expiry is a number of seconds, or nothing.");
    return Number(text);
  }

  #wrong(message) {
    this.#problem.textContent = message;
    this.#name.focus();
  }

  #clear() {
    this.#problem.textContent = "";
  }
}
