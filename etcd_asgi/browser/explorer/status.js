// What the page says about itself: whether it is live, what went wrong, what was done. None of it moves the layout.

import { button, el, fill } from "./dom.js";
import { trouble } from "./trouble.js";

const NAMES = {
  connecting: "Connecting",
  live: "Live",
  retrying: "Reconnecting",
  still: "Not live",
  failed: "Stopped",
};
const TITLES = {
  live: "Changes show as they happen",
  still: "You may not watch: read again to see changes",
};
const SAID = 2500;

export class Status {
  #pill;
  #banner;
  #toast;
  #timer = 0;
  #away = null;

  constructor({ pill, banner, toast }) {
    [this.#pill, this.#banner, this.#toast] = [pill, banner, toast];
  }

  /** The state of the watch. */
  state(state, error, again) {
    this.#pill.dataset.state = state;
    this.#pill.title = TITLES[state] ?? "";
    fill(this.#pill, el("span", { class: "light" }), NAMES[state]);
    if (state === "live" || state === "still") this.#heal();
    else if (error && (state === "retrying" || state === "failed")) this.#stay(error, state, again);
  }

  // A banner that stays until what it says is over.
  #stay(error, state, again) {
    const { title, detail } = trouble(error);
    this.#away = state;
    const text = state === "retrying" ? "Trying again; the page goes on by itself." : detail;
    this.#show("lasting", title, text, button("Try now", { title: detail, onclick: again }));
  }

  #heal() {
    if (this.#away === null) return;
    this.#away = null;
    this.#banner.hidden = true;
  }

  /** Something that the user asked for did not work; `what` says what of it was not done, as "Not saved". */
  failed(error, what = "") {
    const { title, detail } = trouble(error);
    if (this.#away) {
      // The banner says already why; the page heals by itself, but nothing is done a second time by itself.
      if (what) this.#amend(`${what}: ${title}`);
      return;
    }
    this.#show("", what ? `${what}: ${title}` : title, detail, button("Close", { icon: "close", bare: true, kind: "quiet", onclick: () => this.dismiss() }));
  }

  #amend(title) {
    this.#banner.querySelector("strong").textContent = title;
    this.#banner.querySelector("span").textContent = "The page connects again by itself; try this again then.";
  }

  dismiss() {
    if (!this.#away) this.#banner.hidden = true;
  }

  #show(kind, title, detail, action) {
    this.#banner.className = `banner ${kind}`.trim();
    fill(this.#banner, el("div", { class: "banner-text" }, el("strong", {}, title), " ", el("span", {}, detail)), action);
    this.#banner.hidden = false;
  }

  /** A word about what was done. */
  say(text) {
    this.#toast.textContent = text;
    this.#toast.classList.add("said");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#toast.classList.remove("said"), SAID);
  }
}
