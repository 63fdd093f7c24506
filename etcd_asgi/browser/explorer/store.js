// etcd as the explorer needs it: keys as binary strings, changes only by compare-and-swap. All calls to the browser
// module are here.

import { binary, unbinary } from "./bytes.js";

const decoded = (base64) => atob(base64 ?? "");
const number = (digits) => BigInt(digits ?? 0);

const fromWire = (kv) => ({
  key: decoded(kv.key),
  value: unbinary(decoded(kv.value)),
  created: number(kv.create_revision),
  modified: number(kv.mod_revision),
  version: number(kv.version),
  lease: number(kv.lease),
});

const fromEntry = (entry) =>
  entry && {
    key: binary(entry.keyBytes),
    value: entry.bytes,
    created: entry.createRevision,
    modified: entry.modRevision,
    version: entry.version,
    lease: entry.lease,
  };

/** Somebody else has changed the key: `current` is what is there now, null when it was deleted. */
export class Changed extends Error {
  constructor(current) {
    super("somebody else has changed this key");
    this.current = current;
  }
}

async function swapped(change, Conflict) {
  try {
    return await change();
  } catch (error) {
    throw error instanceof Conflict ? new Changed(fromEntry(error.current)) : error;
  }
}

export class Store {
  #etcd;
  #module;

  /** `module` is the gateway's client.js. */
  constructor(module) {
    this.#module = module;
    this.#etcd = new module.Etcd();
  }

  /** Keys from `key` up to, and without, `end`: {kvs, more, count, revision}. */
  async range({ key, end, limit, keysOnly = false }) {
    const answer = await this.#etcd.call("kv/range", {
      key: unbinary(key || "\0"),
      range_end: unbinary(end),
      limit: BigInt(limit),
      keys_only: keysOnly,
    });
    return {
      kvs: (answer.kvs ?? []).map(fromWire),
      more: answer.more ?? false,
      count: Number(answer.count ?? 0),
      revision: number(answer.header?.revision),
    };
  }

  /** One key, now or at a revision; null when there is none. */
  async get(key, revision = undefined) {
    const options = revision === undefined ? {} : { revision };
    return fromEntry(await this.#etcd.get(unbinary(key), options));
  }

  /** Set a key whose last change is still at `seen` (0n: that does not exist). Throws Changed. */
  async put(key, value, { seen, lease = 0n, keepLease = false }) {
    const options = { ifRevision: seen, keepLease, ...(lease ? { lease } : {}) };
    return swapped(() => this.#etcd.put(unbinary(key), value, options), this.#module.Conflict);
  }

  /** Delete a key whose last change is still at `seen`. Throws Changed. */
  async remove(key, seen) {
    return swapped(
      () => this.#etcd.delete(unbinary(key), { ifRevision: seen }),
      this.#module.Conflict,
    );
  }

  grant() {
    return this.#etcd.grant();
  }

  /** Watch a prefix or a key, from a revision or from now on; `take(event)`, `reset()` and `state(name, error)` are told. */
  watch({ prefix, key, from, previous = false }, { take, reset, state }) {
    const target = key === undefined ? { prefix: unbinary(prefix) } : { key: unbinary(key) };
    return this.#etcd.watch(target, {
      ...(from === undefined ? {} : { from }),
      previous,
      list: "none",
      onChange: (change) => (change.type === "reset" ? reset(change) : take(eventOf(change))),
      onState: state,
      onError: (error) => state("failed", error),
    });
  }

  leases() {
    return this.#etcd.leases();
  }

  /** A lease: {id, ttl, granted, keys}; ttl is below 0 when it is gone. */
  async lease(id, { keys = false } = {}) {
    const answer = await this.#etcd.call("lease/timetolive", { ID: id, keys });
    return {
      id,
      ttl: Number(answer.TTL ?? 0),
      granted: Number(answer.grantedTTL ?? 0),
      keys: (answer.keys ?? []).map(decoded),
    };
  }

  revoke(id) {
    return this.#etcd.revoke(id);
  }

  /** A lease of so many seconds that nobody renews; its ID. */
  async grantLease(seconds) {
    const answer = await this.#etcd.call("lease/grant", { TTL: BigInt(seconds) });
    return number(answer.ID);
  }
}

function eventOf(change) {
  const { type, revision } = change;
  const kv = type === "put" ? fromEntry(change.entry) : null;
  const previous = fromEntry(change.previous);
  return { type, revision, key: binary(change.keyBytes), kv, previous, created: kv?.version === 1n };
}

