// How long leases have left: asked of etcd now and then, counted down in between. A key that is there has a lease
// that is alive: where etcd or the gateway knows none of that ID, it is one that this user cannot see.

import { el } from "./dom.js";

const REFRESH = 10_000; // milliseconds; somebody may be keeping the lease alive

/** A time for people: "57 s", "3 min 20 s". */
export function duration(seconds) {
  const [days, hours, minutes] = [86_400, 3600, 60].map((unit) => Math.floor(seconds / unit));
  if (days) return `${days} d ${hours % 24} h`;
  if (hours) return `${hours} h ${minutes % 60} min`;
  return minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

export const leaseName = (id) => id.toString(16).padStart(8, "0");

const UNSEEN = { true: "lease of another namespace", false: "time left not known" };

export class LeaseClock {
  #store;
  #namespaced = false;
  #known = new Map(); // id -> {lease, at}
  #nodes = new Map(); // node -> id

  constructor(store) {
    this.#store = store;
    setInterval(() => this.#tick(), 1000);
  }

  /** Say whether the user sees a part of etcd alone, and so not every lease. */
  set namespaced(namespaced) {
    this.#namespaced = namespaced;
  }

  /** Why a lease is not found that somebody has named. */
  get absence() {
    return this.#namespaced ? "This lease has ended, or belongs to another namespace." : "This lease has ended.";
  }

  /** An element that shows what a lease has left, as long as it is on the page. */
  node(id) {
    const node = el("span", { class: "ttl" }, "…");
    this.#nodes.set(node, id);
    this.#ask(id);
    return node;
  }

  /** Say what is known of a lease, when it was asked for elsewhere. */
  learn(lease) {
    this.#known.set(lease.id, { lease, at: Date.now() });
  }

  async #ask(id) {
    const known = this.#known.get(id);
    if (known && Date.now() - known.at < REFRESH) return this.#draw();
    this.#known.set(id, { lease: known?.lease ?? null, at: Date.now() });
    try {
      this.learn(await this.#store.lease(id));
    } catch {
      // The countdown goes on; the next refresh asks again.
    }
    return this.#draw();
  }

  #tick() {
    for (const [node, id] of this.#nodes) {
      if (node.isConnected) this.#ask(id);
      else this.#nodes.delete(node);
    }
  }

  #draw() {
    for (const [node, id] of this.#nodes) {
      const { lease, at } = this.#known.get(id) ?? {};
      if (!lease) continue;
      const seen = lease.ttl >= 0;
      const left = Math.max(0, lease.ttl - Math.round((Date.now() - at) / 1000));
      const text = seen ? `${duration(left)} left` : UNSEEN[this.#namespaced];
      if (node.textContent !== text) node.textContent = text;
      node.classList.toggle("unseen-lease", !seen);
      node.classList.toggle("soon", seen && left < Math.max(5, lease.granted / 4));
    }
  }
}
