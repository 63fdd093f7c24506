// A value under edit, in one format at a time.

import { el, fill } from "./dom.js";
import { editableText, FORMATS, LARGE, same } from "./formats.js";
import { formatSwitch } from "./valueview.js";

/** Fires "input" after each change of the text. */
export class Editor extends EventTarget {
  #original;
  #format;
  #field;
  #problem = el("p", { class: "problem", role: "alert" });
  #failure = el("div", { class: "failure", role: "alert" });
  #away = false;
  #formats = el("div", { class: "editor-formats" });

  /** `original` is the value in etcd, null for a new key; `start` what the text begins with. */
  constructor({ original, start = original, format }) {
    super();
    this.#original = original;
    this.#format = format;
    this.#field = el("textarea", {
      class: "value-field",
      "aria-label": "Value",
      spellcheck: false,
      autocapitalize: "off",
      autocomplete: "off",
      oninput: () => this.#changed(),
    });
    this.#field.value = FORMATS[format].edit(start);
    if (start.length >= LARGE) this.#field.wrap = "off"; // breaking so much text into lines takes seconds
    this.node = el("div", { class: "editor" }, this.#formats, this.#failure, this.#field, this.#problem);
    this.#offer();
  }

  /** The bytes of the text. Throws an Error with a message for people, and shows it. */
  value() {
    try {
      return FORMATS[this.#format].parse(this.#field.value, this.#original);
    } catch (error) {
      this.#problem.textContent = error.message;
      this.#field.setAttribute("aria-invalid", "true");
      this.#field.focus();
      throw error;
    }
  }

  /** Whether saving would change anything, or cannot be told because the text is wrong. */
  get dirty() {
    try {
      const bytes = FORMATS[this.#format].parse(this.#field.value, this.#original);
      return !same(bytes, this.#original ?? new Uint8Array());
    } catch {
      return true;
    }
  }

  focus() {
    this.#field.focus();
    this.#field.setSelectionRange(0, 0);
  }

  /** Say that the text could not be saved, and why; with the kind "away" until {@link healed} says more. */
  fail(title, detail, kind) {
    this.#away = kind === "away";
    fill(this.#failure, el("p", { class: "notice warning" }, el("span", {}, el("strong", {}, title), ". ", detail)));
  }

  /** Say that saving can be tried again, where it has failed because nothing could be reached. */
  healed() {
    if (!this.#away) return;
    this.fail("Not saved yet", "etcd can be reached again: save now.", "");
  }

  /** Say nothing of a failure any more. */
  forget() {
    this.#away = false;
    fill(this.#failure);
  }

  #changed() {
    this.#problem.textContent = "";
    this.#field.removeAttribute("aria-invalid");
    this.dispatchEvent(new Event("input"));
  }

  #offer() {
    fill(this.#formats, formatSwitch(Object.keys(FORMATS), this.#format, (name) => this.#change(name)));
  }

  #change(name) {
    let bytes;
    try {
      bytes = this.value();
    } catch {
      return;
    }
    if (name !== "hex" && editableText(bytes) === null) {
      this.#problem.textContent = "These bytes are not text that can be edited; stay with hex.";
      return;
    }
    this.#format = name;
    this.#field.value = FORMATS[name].edit(bytes);
    this.#changed();
    this.#offer();
  }
}
