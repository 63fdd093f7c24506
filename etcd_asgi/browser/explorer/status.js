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

// No change that failed is made a second time by itself.
const LATER = "It is not done by itself: try this again then.";
const NOW = "etcd can be reached again: try this again.";

const line = ({ title, detail }) => el("p", {}, el("strong", {}, title), " ", el("span", {}, detail));

export class Status {
  #pill;
  #banner;
  #toast;
  #timer = 0;
  #outage = null; // {state, title, detail, again}: the watch is interrupted
  #failure = null; // {what, kind, title, detail}: something that the user asked for, until it is dismissed

  constructor({ pill, banner, toast }) {
    [this.#pill, this.#banner, this.#toast] = [pill, banner, toast];
  }

  /** The state of the watch. */
  state(state, error, again) {
    this.#pill.dataset.state = state;
    this.#pill.title = TITLES[state] ?? "";
    fill(this.#pill, el("span", { class: "light" }), NAMES[state]);
    if (state === "live" || state === "still") this.#heal();
    else if (error && (state === "retrying" || state === "failed")) this.#outage = { ...trouble(error), state, again };
    this.#draw();
  }

  #heal() {
    this.#outage = null;
    if (this.#failure?.kind === "away") this.#failure = this.#failure.what ? { ...this.#failure, detail: NOW } : null;
  }

  /** Something that the user asked for did not work; `what` says what of it was not done, as "Not saved". */
  failed(error, what = "") {
    this.#failure = { ...trouble(error), what };
    this.#draw();
  }

  /** Say no more of what did not work; that the page is not connected is said until it is. */
  dismiss() {
    this.#failure = null;
    this.#draw();
  }

  // Neither takes the place of the other, whichever comes first.
  #draw() {
    const [outage, failure] = [this.#outage, this.#failed()];
    this.#banner.hidden = !outage && !failure;
    this.#banner.className = failure ? "banner" : "banner lasting";
    fill(this.#banner,
      el("div", { class: "banner-text" }, outage && line(this.#interrupted()), failure && line(failure)),
      outage && button("Try now", { title: outage.detail, onclick: outage.again }),
      failure && button("Close", { icon: "close", bare: true, kind: "quiet", onclick: () => this.dismiss() }));
  }

  #interrupted() {
    const { state, title, detail } = this.#outage;
    return { title, detail: state === "retrying" ? "Trying again; the page goes on by itself." : detail };
  }

  #failed() {
    if (!this.#failure) return null;
    const { what, kind, title, detail } = this.#failure;
    const known = kind === "away" && this.#outage; // and said already
    if (!what) return known ? null : { title, detail };
    return { title: `${what}: ${title}`, detail: known && this.#outage.state === "retrying" ? LATER : detail };
  }

  /** A word about what was done. */
  say(text) {
    this.#toast.textContent = text;
    this.#toast.classList.add("said");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#toast.classList.remove("said"), SAID);
  }

  /** What the user asked for was done: what failed before is past. */
  done(text) {
    this.dismiss();
    this.say(text);
  }
}
