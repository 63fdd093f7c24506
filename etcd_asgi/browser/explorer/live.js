// What is shown stays true: the keys are listed, then watched from that revision on. When etcd is away this tries
// again until it is back, and nothing needs a reload.

import { kindOf } from "./trouble.js";

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 5000;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Fires "event" with each change, "state" with {state, error}, and "reset" when all must be read again. */
export class Live extends EventTarget {
  #store;
  #watch = null;
  #tree = null;
  #aside = { key: null, watch: null }; // the key that is shown, where the tree's watch does not see it
  #turn = 0; // the follow() that counts; older ones stop by themselves
  #mayWatch;

  constructor(store, mayWatch) {
    super();
    this.#store = store;
    this.#mayWatch = mayWatch;
  }

  /** Follow a tree: list it, then keep it up to date. */
  async follow(tree) {
    this.stop();
    this.#tree = tree;
    this.attend(this.#aside.key);
    const turn = this.#turn;
    this.#tell("connecting");
    for (let wait = FIRST_PAUSE; !tree.root.loaded; wait = Math.min(LONGEST_PAUSE, wait * 2)) {
      await tree.more(tree.root);
      if (turn !== this.#turn) return;
      if (tree.root.loaded) break;
      const error = tree.root.error;
      const kind = error ? kindOf(error) : "away";
      this.#tell(kind === "away" ? "retrying" : "failed", error);
      if (kind !== "away") return;
      await pause(wait);
      if (turn !== this.#turn) return;
    }
    if (this.#mayWatch) this.#begin(tree, turn);
    else this.#tell("still");
  }

  /** End all watches. */
  stop() {
    this.#turn += 1;
    this.#watch?.close();
    this.#aside.watch?.close();
    this.#watch = this.#aside.watch = null;
  }

  /** Follow the key that is shown too, wherever it is; null: none is. */
  attend(key) {
    this.#aside.watch?.close();
    const seen = key === null || !this.#mayWatch || key.startsWith(this.#tree.prefix);
    this.#aside = { key, watch: seen ? null : this.#beside(key) };
  }

  #beside(key) {
    return this.#store.watch({ key }, {
      take: (event) => this.dispatchEvent(new CustomEvent("event", { detail: event })),
      reset: () => this.dispatchEvent(new Event("reset")),
      state: (state) => state === "live" && this.dispatchEvent(new Event("reset")),
    });
  }

  /** A page in the background holds no connection: browsers have few of them for one host. */
  hide() {
    this.stop();
    this.#tell("connecting");
  }

  /** The page is seen again: list what is shown, and go on. */
  async show() {
    const turn = this.#turn;
    await this.#tree.reload();
    if (turn === this.#turn) this.follow(this.#tree);
  }

  #begin(tree, turn) {
    const current = (action) => (...given) => {
      if (turn === this.#turn) action(...given);
    };
    const target = { prefix: tree.prefix, from: tree.root.countRevision + 1n };
    this.#watch = this.#store.watch(target, {
      take: current((event) => {
        tree.take(event);
        this.dispatchEvent(new CustomEvent("event", { detail: event }));
      }),
      reset: current(() => {
        tree.reload();
        this.dispatchEvent(new Event("reset"));
      }),
      state: current((state, error) => {
        if (state !== "closed") this.#tell(state, error);
        if (state === "live") this.#heal(tree);
      }),
    });
  }

  // Pages that could not be read while etcd was away.
  #heal(tree) {
    for (const row of tree.rows()) {
      if (row.kind === "more" && row.state === "failed") tree.more(row.folder);
    }
  }

  #tell(state, error = null) {
    this.dispatchEvent(new CustomEvent("state", { detail: { state, error } }));
  }
}
