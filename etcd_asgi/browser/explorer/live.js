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

  stop() {
    this.#turn += 1;
    this.#watch?.close();
    this.#watch = null;
  }

  #begin(tree, turn) {
    const current = (action) => (...given) => {
      if (turn === this.#turn) action(...given);
    };
    this.#watch = this.#store.watch(tree.prefix, tree.root.countRevision + 1n, {
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
