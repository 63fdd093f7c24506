// The field for a prefix. It takes keys as they are shown: \\xff is a byte.

import { shown, typed } from "./bytes.js";

const TYPING = 150; // milliseconds after which what was typed is searched for

/** Fires "search" with a prefix, and "done" when the tree shall have the keyboard. */
export class SearchField extends EventTarget {
  #input;
  #timer = 0;

  constructor(input) {
    super();
    this.#input = input;
    input.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#search(), TYPING);
    });
    input.addEventListener("blur", () => this.#search());
    input.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Show a prefix that was chosen elsewhere. */
  set(prefix) {
    clearTimeout(this.#timer);
    this.#input.value = shown(prefix);
    this.#wrong("");
  }

  #search() {
    clearTimeout(this.#timer);
    try {
      const prefix = typed(this.#input.value);
      this.#wrong("");
      this.dispatchEvent(new CustomEvent("search", { detail: prefix }));
    } catch (error) {
      this.#wrong(error.message);
    }
  }

  #wrong(message) {
    this.#input.title = message;
    this.#input.setAttribute("aria-invalid", String(message !== ""));
  }

  #key(event) {
    if (!["Escape", "Enter", "ArrowDown"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Escape") this.#input.value = "";
    this.#search();
    this.dispatchEvent(new Event("done"));
  }
}
