/**
 * etcd from a browser: one module without dependencies, served by the gateway itself.
 *
 *     import { Etcd } from "/etcd/client.js";
 *
 *     const etcd = new Etcd();
 *     await etcd.put("greeting", "hello");
 *     for await (const change of etcd.watch({ prefix: "greet" })) console.log(change);
 *
 * What holds everywhere:
 *
 * - **Keys and values** are given as text (sent as UTF-8) or as bytes (a `Uint8Array`, or another
 *   buffer or view). Responses hold both: `entry.value` is the text, `entry.bytes` the bytes.
 * - **64-bit numbers** (revisions, versions, counts, lease IDs, TTLs) are `bigint`: no digit is ever
 *   lost. Where one is given, a safe integer `number` will do. `JSON.stringify` refuses a `bigint`:
 *   entries, changes and results write theirs as strings, elsewhere write `String(revision)`.
 * - **Errors** are {@link EtcdError}; a wrong argument or an option that does not exist is a
 *   `TypeError`; an aborted call rejects with the reason of its signal (by default a `DOMException`
 *   named `"AbortError"`). `instanceof` holds for the errors of another copy of this module too.
 * - **Every call takes `signal`**, an `AbortSignal`. Calls have no time limit of their own:
 *   `{ signal: AbortSignal.timeout(5000) }` gives one.
 * - **Cookies** of the same origin go along, so the host's login works as in the rest of its pages.
 */

/** The release of etcd_asgi that this module is part of, such as `"0.1.0"`. */
export const VERSION: string;

// ---- data -------------------------------------------------------------------------------------

/**
 * A key, a value or a name: text, sent as UTF-8, or the bytes themselves. Of a view, such as a
 * `DataView`, the bytes are those that it shows.
 */
export type Bytes = string | ArrayBuffer | ArrayBufferView;

/** A result as `JSON.stringify` writes it: 64-bit integers are strings. */
export interface Json {
  readonly [name: string]: unknown;
}

/** A 64-bit number as an argument; a `number` must be a safe integer. */
export type Int64 = bigint | number;

/** One key with its value, as it was at one revision. */
export interface Entry {
  /** The key as text. Bytes that are not UTF-8 become U+FFFD: use `keyBytes` to be sure. */
  readonly key: string;
  /**
   * The value as text; `""` where only keys were asked for. When it is not UTF-8 (see `isText`),
   * U+FFFD stands for what cannot be read: never write such a text back.
   */
  readonly value: string;
  /** The revision at which the key was last created. */
  readonly createRevision: bigint;
  /** The revision of the last change; give it as `ifRevision` to overwrite only what you saw. */
  readonly modRevision: bigint;
  /** The number of changes since the key was created; the creation is 1. */
  readonly version: bigint;
  /** The lease that the key lives by, or 0n. */
  readonly lease: bigint;
  /** The key's bytes. */
  readonly keyBytes: Uint8Array;
  /** The value's bytes. */
  readonly bytes: Uint8Array;
  /** Whether the value is valid UTF-8. */
  readonly isText: boolean;
  /**
   * For `JSON.stringify`: the fields from `key` to `lease`, with 64-bit integers as strings. Where
   * the value or the key is not UTF-8, `bytes` or `keyBytes` has it in base64.
   */
  toJSON(): Json;
}

/** What a range of keys holds, or the part of it that was asked for. */
export interface Page {
  readonly type: "list";
  readonly entries: Entry[];
  /** Whether there is more than `entries`: go on with `after: entries.at(-1).keyBytes`. */
  readonly more: boolean;
  /** How many keys there are in the range, from `after` on, whatever the limit. */
  readonly count: bigint;
  /** etcd's revision when it answered. */
  readonly revision: bigint;
}

export interface PutResult {
  readonly type: "put";
  /** The revision that the change made: the key's new `modRevision`. */
  readonly revision: bigint;
  /** What was there before, where `previous` asked for it; `null` when there was nothing. */
  readonly previous: Entry | null;
}

export interface DeleteResult {
  readonly type: "delete";
  /** etcd's revision after the change. */
  readonly revision: bigint;
  /** How many keys were deleted; 0n when there was nothing to delete. */
  readonly deleted: bigint;
  /** What was deleted, where `previous` asked for it. */
  readonly previous: Entry[];
}

export interface TxnResult {
  readonly type: "txn";
  /** Whether all comparisons held, so that `then` was carried out and not `else`. */
  readonly succeeded: boolean;
  readonly revision: bigint;
  /** One for each operation carried out, in order. */
  readonly results: Result[];
}

/** The result of one operation of a transaction; `type` tells them apart. */
export type Result = Page | PutResult | DeleteResult | TxnResult;

// ---- errors -----------------------------------------------------------------------------------

/** What etcd or the gateway said instead of an answer. */
export class EtcdError extends Error {
  /**
   * @param message what went wrong
   * @param code a gRPC code, see {@link Code}
   * @param status the HTTP status, 0 when there was none
   */
  constructor(message: string, code: number, status?: number, options?: ErrorOptions);
  readonly name: string;
  /** The gRPC code, as in {@link Code}. 14 when the gateway or etcd cannot be reached. */
  readonly code: number;
  /** The HTTP status of the answer; 0 when there was none, 200 for an error within a stream. */
  readonly status: number;
}

/** A change with `ifRevision` found another revision there: nothing was changed. */
export class Conflict extends EtcdError {
  constructor(current: Entry | null);
  /** What is there now; `null` when there is no such key. */
  readonly current: Entry | null;
}

/** The gRPC codes that {@link EtcdError.code} may have. */
export const Code: Readonly<{
  CANCELLED: 1;
  UNKNOWN: 2;
  /** The request is not one that etcd can carry out. */
  INVALID_ARGUMENT: 3;
  DEADLINE_EXCEEDED: 4;
  /** Also: the lease that was named does not exist (any more). */
  NOT_FOUND: 5;
  ALREADY_EXISTS: 6;
  /** The login, or the host's grant, does not allow this. */
  PERMISSION_DENIED: 7;
  /** A limit of the gateway or of etcd is reached. */
  RESOURCE_EXHAUSTED: 8;
  FAILED_PRECONDITION: 9;
  /** A {@link Conflict}. */
  ABORTED: 10;
  /** A revision that has been compacted, or that does not exist yet. */
  OUT_OF_RANGE: 11;
  UNIMPLEMENTED: 12;
  INTERNAL: 13;
  /** The gateway or etcd cannot be reached. */
  UNAVAILABLE: 14;
  DATA_LOSS: 15;
  /** Nobody is logged in, or no longer. */
  UNAUTHENTICATED: 16;
}>;

// ---- the client -------------------------------------------------------------------------------

export interface EtcdOptions {
  /**
   * The URL of the API under its version prefix: `"/etcd/v3"`. By default `v3` beside this module,
   * which is right when the gateway serves it; a bundled copy must be told.
   */
  base?: string | URL;
  /**
   * Headers for every request, such as `{ authorization: token }`. A function is asked each time;
   * what it throws, the call rejects with.
   */
  headers?: HeadersInit | (() => HeadersInit | Promise<HeadersInit>);
  /** Used in place of the global `fetch`. */
  fetch?: typeof fetch;
}

export interface CallOptions {
  /** Aborts the call: it rejects with the signal's reason. */
  signal?: AbortSignal;
}

export interface GetOptions extends CallOptions {
  /** As it was at this revision. A compacted one is an `EtcdError` with code 11. */
  revision?: Int64;
  /** Let the member that is asked answer for itself: quicker, perhaps stale. */
  serializable?: boolean;
}

export interface ListOptions extends GetOptions {
  /** At most so many entries (the gateway may have a limit of its own: look at `more`). */
  limit?: number;
  /** Only keys after this one: the last key of the page before. */
  after?: Bytes;
  /** Leave the values out. */
  keysOnly?: boolean;
  /** Leave the entries out too, for `count` alone. */
  countOnly?: boolean;
  /** By key, ascending, unless told otherwise. Not together with `after`. */
  order?: { by: "key" | "version" | "create" | "mod" | "value"; descending?: boolean };
}

export interface ScanOptions extends GetOptions {
  /** How many entries are asked for at a time; 500 by default. */
  pageSize?: number;
  /** Leave the values out. */
  keysOnly?: boolean;
}

export interface PutOptions extends CallOptions {
  /** Bind the key to a lease: it vanishes with it. */
  lease?: Int64 | Lease;
  /** Keep the lease that the key has. The key must exist. */
  keepLease?: boolean;
  /**
   * Only if the key's `modRevision` is this one; 0 means: only if there is no such key. Otherwise
   * the call rejects with {@link Conflict}, which has the current entry.
   *
   * When an answer is lost (code 14), the change may have been made: read before trying again.
   */
  ifRevision?: Int64;
  /** Answer with what was there before. */
  previous?: boolean;
}

export interface DeleteOptions extends CallOptions {
  /** Delete every key that begins with the key. Not together with `ifRevision`. */
  prefix?: boolean;
  /** Only if the key's `modRevision` is this one; otherwise rejects with {@link Conflict}. */
  ifRevision?: Int64;
  /** Answer with what was deleted. */
  previous?: boolean;
}

/** A transaction: when all of `if` holds, `then` is carried out, else `else`; all at once. */
export interface Txn extends CallOptions {
  /** See {@link compare}. Without any, `then` is carried out. */
  if?: Compare[];
  /** See {@link op}. */
  then?: Op[];
  else?: Op[];
}

export interface LeaseInfo {
  readonly id: bigint;
  /** Seconds left; -1n when the lease does not exist. */
  readonly ttl: bigint;
  /** Seconds that it was granted for; 0n when the lease does not exist. */
  readonly grantedTtl: bigint;
  /** The keys that live by it, where `keys` asked for them. */
  readonly keys: string[];
}

export interface Grant {
  /** What the caller may call, by names such as `"KV.Range"`. */
  readonly rpcs: ReadonlySet<string>;
  /** Whether the caller sees a part of etcd's keys as if it were all. */
  readonly namespaced: boolean;
  /** The caller's name, `""` when the host gave none. */
  readonly user: string;
}

/**
 * A connection to one gateway. It holds nothing open by itself.
 *
 * An option that a method does not have is a `TypeError` that names the ones it has.
 */
export class Etcd {
  /** @throws TypeError, where `base` is no URL at which a gateway can be. */
  constructor(options?: EtcdOptions);
  /** The URL of the API, without a slash at its end. */
  readonly base: string;

  /** One key; `null` when there is none. */
  get(key: Bytes, options?: GetOptions): Promise<Entry | null>;

  /** The keys that begin with `prefix`, by name; `""` means all. */
  list(prefix: Bytes, options?: ListOptions): Promise<Page>;

  /**
   * All entries under `prefix`, one after the other, asked for page by page at one revision:
   *
   *     for await (const entry of etcd.scan("users/")) { ... }
   */
  scan(prefix: Bytes, options?: ScanOptions): AsyncGenerator<Entry, void, void>;

  /** Set a key. @throws Conflict, where `ifRevision` is not what is there. */
  put(key: Bytes, value: Bytes, options?: PutOptions): Promise<PutResult>;

  /** Delete a key, or with `prefix` many. @throws Conflict, see {@link DeleteOptions.ifRevision}. */
  delete(key: Bytes, options?: DeleteOptions): Promise<DeleteResult>;

  /**
   * Several operations at one revision:
   *
   *     await etcd.txn({
   *       if: [compare.missing("config/a"), compare.value("config/b", "=", "on")],
   *       then: [op.put("config/a", "1")],
   *       else: [op.get("config/a")],
   *     });
   */
  txn(txn: Txn): Promise<TxnResult>;

  /**
   * Changes as they happen, from now on or from a revision. See {@link Watch} for how to read them.
   *
   * The watch heals itself: when the network, the gateway or etcd goes away it tries again, with
   * growing pauses, and goes on at the revision after the last one it has seen, so that no change
   * is lost and none comes twice. When the changes in between are gone (etcd has compacted them), it
   * lists the keys and gives them as one `reset` item. Errors that another attempt cannot heal
   * (no permission, no login) end it.
   */
  watch(target: WatchTarget, options?: WatchOptions): Watch;

  /** A lease of `ttl` seconds, kept alive until it is revoked or lost. See {@link Lease}. */
  lease(ttl: Int64, options?: LeaseOptions): Promise<Lease>;

  /** The IDs of all leases. */
  leases(options?: CallOptions): Promise<bigint[]>;

  /** What is known of a lease. */
  leaseInfo(id: Int64, options?: CallOptions & { keys?: boolean }): Promise<LeaseInfo>;

  /** End a lease, and delete its keys. A lease that does not exist is an error with code 5. */
  revoke(id: Int64, options?: CallOptions): Promise<void>;

  /**
   * Wait for the lock of that name, then hold it. See {@link Lock}. It waits over failures of the
   * network and of etcd too; abort its signal to give up. After such a failure it waits at the end
   * of the queue.
   *
   *     const lock = await etcd.lock("jobs/nightly", { signal: AbortSignal.timeout(10_000) });
   *     try { await work(lock.signal); } finally { await lock.unlock(); }
   */
  lock(name: Bytes, options?: LockOptions): Promise<Lock>;

  /** What the host lets the caller do. */
  grant(options?: CallOptions): Promise<Grant>;

  /**
   * Any other unary RPC of etcd's JSON API, by its path under the version prefix:
   *
   *     const { version, dbSize } = await etcd.call("maintenance/status");
   *
   * In `request`, a buffer or view becomes base64 and a `bigint` a string of digits. The answer is
   * etcd's JSON as it is: bytes are base64, 64-bit numbers strings, and fields that are 0 or empty
   * are missing.
   */
  call(path: string, request?: object, options?: CallOptions): Promise<any>;
}

// ---- transactions -----------------------------------------------------------------------------

/** How two things are compared. */
export type Relation = "=" | "!=" | "<" | ">";

/** A comparison, made by {@link compare}. */
export interface Compare {
  readonly kind: "compare";
}

/** An operation, made by {@link op}. */
export interface Op {
  readonly kind: "op";
}

/** What a transaction may depend on. */
export const compare: {
  /** The key's value. A key that does not exist never compares. */
  value(key: Bytes, relation: Relation, value: Bytes): Compare;
  /** The number of changes since the key was created; 0 when it does not exist. */
  version(key: Bytes, relation: Relation, version: Int64): Compare;
  /** The revision at which the key was created; 0 when it does not exist. */
  created(key: Bytes, relation: Relation, revision: Int64): Compare;
  /** The revision of the key's last change; 0 when it does not exist. */
  modified(key: Bytes, relation: Relation, revision: Int64): Compare;
  /** The key's lease; 0 when it has none. */
  lease(key: Bytes, relation: Relation, lease: Int64 | Lease): Compare;
  exists(key: Bytes): Compare;
  missing(key: Bytes): Compare;
};

/** What a transaction may do; options as for the methods of {@link Etcd}. */
export const op: {
  /** Gives a {@link Page} with one entry or none. */
  get(key: Bytes, options?: Omit<GetOptions, "signal">): Op;
  list(prefix: Bytes, options?: Omit<ListOptions, "signal">): Op;
  put(key: Bytes, value: Bytes, options?: Omit<PutOptions, "signal" | "ifRevision">): Op;
  delete(key: Bytes, options?: Omit<DeleteOptions, "signal" | "ifRevision">): Op;
  txn(txn: Omit<Txn, "signal">): Op;
};

// ---- watches ----------------------------------------------------------------------------------

/** One key; all keys with a prefix; or the keys from one up to, and without, another. */
export type WatchTarget = Bytes | { key: Bytes } | { prefix: Bytes } | { from: Bytes; to: Bytes };

export interface WatchOptions extends CallOptions {
  /** The first revision of interest. Without it: what happens from now on. */
  from?: Int64;
  /**
   * Begin with a `reset` item that has the current entries, and go on from there: all that a page
   * needs to show the keys and keep them up to date. Not together with `from`.
   */
  initial?: boolean;
  /** What a `reset` item brings: `"entries"` (the default), `"keys"` without values, or `"none"`. */
  list?: "entries" | "keys" | "none";
  /** Give each change the entry that was there before it (unless that was compacted). */
  previous?: boolean;
  /** Only these kinds of changes. */
  only?: "put" | "delete";
  /**
   * Milliseconds of silence after which the connection counts as dead and is made anew; 660,000 by
   * default. etcd speaks up at least every 10 minutes, or as often as its flag
   * `--watch-progress-notify-interval` (before 3.6: `--experimental-...`) says: where that is set
   * shorter, set this shorter too. `Infinity` waits for ever.
   */
  stallTimeout?: number;
  /** Called with each item, one after the other; a promise that it returns is waited for. */
  onChange?: (change: Change) => void | Promise<void>;
  /** Called when the watch becomes live, loses its connection (with the error), or ends. */
  onState?: (state: WatchState, error?: EtcdError) => void;
  /** Called when the watch has failed for good. Used together with `onChange`. */
  onError?: (error: unknown) => void;
}

/**
 * `connecting` at first, `live` while etcd reports changes, `retrying` after the connection was
 * lost, `closed` at the end.
 */
export type WatchState = "connecting" | "live" | "retrying" | "closed";

/** What a watch gives. */
export type Change = Put | Delete | Reset;

export interface Put {
  readonly type: "put";
  readonly key: string;
  readonly keyBytes: Uint8Array;
  readonly entry: Entry;
  /** The revision of the change; the changes of one transaction have the same. */
  readonly revision: bigint;
  /** What was there before, where `previous` asked for it; `null` when there was nothing. */
  readonly previous: Entry | null;
}

export interface Delete {
  readonly type: "delete";
  readonly key: string;
  readonly keyBytes: Uint8Array;
  readonly revision: bigint;
  readonly previous: Entry | null;
}

/** Forget what you know: this is what there is now. Changes after `revision` follow. */
export interface Reset {
  readonly type: "reset";
  /**
   * `initial`: asked for. `compacted`: the changes in between are gone. `replaced`: etcd's data is
   * not what it was, as after a restore of a backup.
   */
  readonly reason: "initial" | "compacted" | "replaced";
  /** All entries of the target, or what the option `list` left of them. */
  readonly entries: Entry[];
  readonly revision: bigint;
}

/**
 * A watch under way. It connects as soon as it is made, and is read in one of two ways:
 *
 *     for await (const change of etcd.watch({ prefix: "users/" })) { ... }  // leaving ends it
 *
 *     const watch = etcd.watch({ prefix: "users/" }, { onChange: show });
 *     watch.close();
 *
 * What is not read waits with etcd and the network, not in memory. A watch that nobody reads still
 * holds its connection: close it. Over HTTP/1.1 browsers open no more than six connections to one
 * origin, and each watch takes one; HTTP/2 has no such limit.
 *
 * When its signal is aborted or `close` is called, iteration ends as at the end of a list, without
 * an error.
 */
export class Watch implements AsyncIterableIterator<Change> {
  private constructor();
  readonly state: WatchState;
  /** Resolves when no change from then on can be missed; rejects if it never comes to that. */
  readonly ready: Promise<void>;
  /** Settled when the watch is over: resolves when it was closed, rejects when it failed. */
  readonly closed: Promise<void>;
  next(): Promise<IteratorResult<Change, undefined>>;
  return(): Promise<IteratorResult<Change, undefined>>;
  [Symbol.asyncIterator](): this;
  /** End the watch and its request. It may be called many times. */
  close(): void;
}

// ---- leases and locks -------------------------------------------------------------------------

export interface LeaseOptions extends CallOptions {
  /** The ID to use; by default etcd chooses one. */
  id?: Int64;
  /** `false`: grant the lease and leave it to run out, or to `refresh`. */
  keepAlive?: boolean;
  /** Called once when the lease is lost: it ran out, or somebody else revoked it. */
  onLost?: (error: EtcdError) => void;
}

/**
 * A lease that is renewed every third of its time, over failures of the network too, until it is
 * revoked or lost. It counts as lost when etcd says that it is gone, or when it has run out because
 * it could not be renewed. Browsers slow down the timers of hidden pages to one a minute: a lease of
 * less than three minutes may be lost there.
 */
export class Lease {
  private constructor();
  readonly id: bigint;
  /** The seconds that etcd grants at each renewal; it may give more than was asked for. */
  readonly ttl: bigint;
  /** Aborted, with an {@link EtcdError} as its reason, when the lease is lost. */
  readonly signal: AbortSignal;
  /** For `JSON.stringify`: `id` and `ttl` as strings. */
  toJSON(): Json;
  /** Renew it now. @throws EtcdError with code 5 when it is gone. */
  refresh(options?: CallOptions): Promise<void>;
  /** Leave it to run out: stop renewing it, and no more is told of it. */
  release(): void;
  /** End it, and delete its keys. */
  revoke(options?: CallOptions): Promise<void>;
}

export interface LockOptions extends CallOptions {
  /** Seconds until the lock is free when its holder vanishes; 60 by default. */
  ttl?: Int64;
  /** Called once when the lock is lost, see {@link Lock.signal}. */
  onLost?: (error: EtcdError) => void;
}

/**
 * A lock that is held. Its lease is its own.
 *
 * As with every lock over a network, the holder may learn too late that it was lost. Let what
 * matters depend on the lock itself: `compare.exists(lock.keyBytes)` in the transaction that does it.
 */
export class Lock {
  private constructor();
  /** The key that exists while the lock is held. */
  readonly key: string;
  readonly keyBytes: Uint8Array;
  readonly lease: Lease;
  /** Aborted when the lock is lost, that is when its lease is. */
  readonly signal: AbortSignal;
  /** For `JSON.stringify`: `key` and `lease`. */
  toJSON(): Json;
  /** Give it back. When that fails, it is free when its lease runs out. */
  unlock(options?: CallOptions): Promise<void>;
}
