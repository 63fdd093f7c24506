/**
 * etcd from a browser. One module, no dependencies; its API is described in client.d.ts, which
 * stands beside it. It runs in every current browser, and in Node 18 and later.
 *
 * From top to bottom: data, options, responses, errors, requests, operations, watches, leases and
 * locks, the client.
 */

/** The release of etcd_asgi that this module is part of. */
export const VERSION = "0.1.0";

// ---- limits, in milliseconds unless they say otherwise ------------------------------------------

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5_000;
/** A connection that lived so long was a good one: the next pause is a short one again. */
const GOOD_CONNECTION = 5_000;
/** Longer than the 10 minutes after which etcd tells the progress of a quiet watch. */
const STALL_TIMEOUT = 660_000;
/** Characters of one message of a stream. */
const MAX_MESSAGE = 256 * 1024 * 1024;
const PAGE_SIZE = 500;
const LOCK_TTL = 60n;
/** The longest that a timer of a browser can wait. */
const MAX_TIMER = 2 ** 31 - 1;

// ---- bytes and numbers --------------------------------------------------------------------------

const ignore = () => {};
const utf8 = new TextEncoder();
const lossy = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
const NOTHING = new Uint8Array(0);
/** etcd's name for the end of all keys. */
const ZERO = new Uint8Array(1);

// An iframe, a worker's page, a vm context or a test runner has a Uint8Array, an AbortSignal and an
// Error of its own, and a page may hold two copies of this module: `instanceof` knows neither.

/** Mark instances of a class so that every copy of this module recognizes them. */
const mark = (name) => Symbol.for(`etcd-asgi.client.${name}`);
const ERROR = mark("error");
const CONFLICT = mark("conflict");
const LEASE = mark("lease");
const PART = mark("part");

const tagOf = (given) => Object.prototype.toString.call(given).slice(8, -1);
const sizeOf = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength").get;

/** Tell whether it is an ArrayBuffer or a view of one, of whatever realm. */
function isBytes(given) {
  if (typeof given !== "object" || ArrayBuffer.isView(given)) return typeof given === "object";
  if (tagOf(given) !== "ArrayBuffer") return false;
  try {
    return sizeOf.call(given) >= 0; // everything can have that name, but not that size
  } catch {
    return false;
  }
}

/** Copy the bytes of a buffer or a view: the caller may reuse theirs. */
function copied(given) {
  const { buffer = given, byteOffset = 0, byteLength } = given;
  return new Uint8Array(buffer, byteOffset, byteLength).slice();
}

/** Bytes of a key, value or name that the caller gave. */
function toBytes(given, what) {
  if (isBytes(given)) return copied(given);
  if (typeof given !== "string") {
    throw new TypeError(`${what} must be a string, a Uint8Array or another buffer, not ${kindOf(given)}`);
  }
  if (/\p{Surrogate}/u.test(given)) throw new TypeError(`${what} has half of a surrogate pair`);
  return utf8.encode(given);
}

/** A 64-bit number that the caller gave. */
function toInt64(given, what) {
  if (typeof given === "number" && !Number.isSafeInteger(given)) {
    throw new TypeError(`${what} must be a bigint or a safe integer, not ${given}`);
  }
  if (typeof given !== "bigint" && typeof given !== "number") {
    throw new TypeError(`${what} must be a bigint or a safe integer`);
  }
  return BigInt(given);
}

const toLease = (given) => (given?.[LEASE] ? given.id : toInt64(given, "lease"));

/** Name the kind of a wrong argument. Its content may be a secret: it is not shown. */
function kindOf(given) {
  if (given === null || given === undefined) return String(given);
  return typeof given === "object" ? tagOf(given) : typeof given;
}

/** What etcd's JSON leaves out is 0. */
const int64 = (field) => BigInt(field ?? 0);

function base64(bytes) {
  let binary = "";
  for (let at = 0; at < bytes.length; at += 0x8000) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(binary);
}

const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

/** The text of bytes, or undefined where they are not UTF-8. */
function textOf(bytes) {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Bytes in JSON when the gateway takes text: as text, or what is not UTF-8 as an object. */
const asText = (bytes) => textOf(bytes) ?? { base64: base64(bytes) };

function encode(message, text) {
  // `this` holds what was given: a toJSON, as Node's Buffer has one, has made `value` of it.
  return JSON.stringify(message, function replace(name, value) {
    const given = this[name];
    if (typeof given === "bigint") return String(given);
    if (isBytes(given)) return text ? asText(copied(given)) : base64(copied(given));
    return value;
  });
}

/** The end of the keys that begin with `prefix`: its last byte, plus one. */
function afterPrefix(prefix) {
  let last = prefix.length - 1;
  while (last >= 0 && prefix[last] === 0xff) last--;
  if (last < 0) return ZERO;
  const end = prefix.slice(0, last + 1);
  end[last]++;
  return end;
}

/** The keys that begin with `prefix`. An empty key is no key in etcd: the first one is "\0". */
const prefixRange = (prefix) => ({
  key: prefix.length ? prefix : ZERO,
  range_end: afterPrefix(prefix),
});

/** The key that comes right after `key`. */
function successor(key) {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

// ---- options ------------------------------------------------------------------------------------

const CALL = ["signal"];
const GET = ["revision", "serializable"];
const LIST = [...GET, "limit", "after", "keysOnly", "countOnly", "order"];
const PUT = ["lease", "keepLease", "previous"];
const DELETE = ["prefix", "previous"];
const TXN = ["if", "then", "else"];

/** Refuse options that `what` does not have: a misspelt one would do nothing, without a word. */
function only(given, what, names) {
  if (given === undefined) return {};
  if (given === null || typeof given !== "object") {
    throw new TypeError(`${what}: options must be an object, not ${kindOf(given)}`);
  }
  if (isSignal(given)) throw new TypeError(`${what}: give a signal as an option, { signal }`);
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`${what} has no option "${unknown}"; it has ${names.join(", ")}`);
  }
  const { signal } = given;
  if (signal !== undefined && signal !== null && !isSignal(signal)) {
    throw new TypeError(`${what}: signal must be an AbortSignal, not ${kindOf(signal)}`);
  }
  return given;
}

const isSignal = (given) =>
  typeof given?.aborted === "boolean" && typeof given.addEventListener === "function";

/** Refuse a value that is not one of these. */
function oneOf(given, what, values) {
  if (given === undefined || values.includes(given)) return;
  const shown = typeof given === "string" ? `"${given}"` : kindOf(given);
  throw new TypeError(`${what} must be one of ${values.join(", ")}, not ${shown}`);
}

/** Refuse a callback that is not a function. */
function callable(given, what) {
  if (given === undefined || given === null || typeof given === "function") return;
  throw new TypeError(`${what} must be a function, not ${kindOf(given)}`);
}

// ---- responses ----------------------------------------------------------------------------------

/** A field of bytes: text, or base64, as the response's content type says. */
class Field {
  #bytes;
  #text;

  constructor(json, text) {
    if (text && typeof json !== "object") this.#text = json ?? "";
    else this.#bytes = json === undefined ? NOTHING : fromBase64(json.base64 ?? json);
  }

  get bytes() { return (this.#bytes ??= utf8.encode(this.#text)); }
  get text() { return (this.#text ??= lossy.decode(this.#bytes)); }
  get isText() { return this.#bytes === undefined || textOf(this.#bytes) !== undefined; }
}

class Entry {
  #key;
  #value;

  constructor(kv, text) {
    this.#key = new Field(kv.key, text);
    this.#value = new Field(kv.value, text);
    this.key = this.#key.text;
    this.value = this.#value.text;
    this.createRevision = int64(kv.create_revision);
    this.modRevision = int64(kv.mod_revision);
    this.version = int64(kv.version);
    this.lease = int64(kv.lease);
  }

  get keyBytes() { return this.#key.bytes; }
  get bytes() { return this.#value.bytes; }
  get isText() { return this.#value.isText; }

  /** JSON has no 64-bit integers: they are strings. Bytes that are not UTF-8 come in base64 too. */
  toJSON() {
    const { keyBytes, bytes } = this;
    return { ...withStrings(this), ...unreadable({ keyBytes, bytes }) };
  }
}

/** Fields as JSON can have them: 64-bit integers as strings. */
const withStrings = (fields) =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === "bigint" ? String(value) : value]),
  );

/** Those fields of bytes that are not UTF-8, in base64: their text has lost something. */
const unreadable = (fields) =>
  Object.fromEntries(
    Object.entries(fields)
      .filter(([, bytes]) => textOf(bytes) === undefined)
      .map(([name, bytes]) => [name, base64(bytes)]),
  );

/** A result that JSON.stringify takes. */
function result(fields) {
  const toJSON = () => {
    const { keyBytes, ...others } = fields;
    return { ...withStrings(others), ...(keyBytes ? unreadable({ keyBytes }) : {}) };
  };
  return Object.defineProperty(fields, "toJSON", { value: toJSON });
}

const byteOrder = (a, b) => {
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at < 0 ? a.length - b.length : a[at] - (b[at] ?? -1);
};

const toEntry = (kv, text) => (kv ? new Entry(kv, text) : null);
const toEntries = (kvs = [], text) => kvs.map((kv) => new Entry(kv, text));
const revisionOf = (json) => int64(json.header?.revision);

/** The results of operations, by the operation's name in a transaction. */
const RESULTS = {
  range: (json, text) => result({
    type: "list",
    entries: toEntries(json.kvs, text),
    more: json.more ?? false,
    count: int64(json.count),
    revision: revisionOf(json),
  }),
  put: (json, text) => result({
    type: "put",
    revision: revisionOf(json),
    previous: toEntry(json.prev_kv, text),
  }),
  delete_range: (json, text) => result({
    type: "delete",
    revision: revisionOf(json),
    deleted: int64(json.deleted),
    previous: toEntries(json.prev_kvs, text),
  }),
  txn: (json, text) => result({
    type: "txn",
    succeeded: json.succeeded ?? false,
    revision: revisionOf(json),
    results: (json.responses ?? []).map((response) => toResult(response, revisionOf(json), text)),
  }),
};

function toResult(response, revision, text) {
  const [[name, json]] = Object.entries(response);
  const inner = { revision, ...json.header };
  return RESULTS[name.replace("response_", "")]({ ...json, header: inner }, text);
}

function toChange(event, withPrevious, text) {
  const entry = new Entry(event.kv, text);
  const change = {
    type: event.type === "DELETE" ? "delete" : "put",
    key: entry.key,
    get keyBytes() { return entry.keyBytes; },
    revision: entry.modRevision,
    previous: withPrevious ? toEntry(event.prev_kv, text) : null,
  };
  return result(change.type === "put" ? Object.assign(change, { entry }) : change);
}

// ---- errors -------------------------------------------------------------------------------------

export const Code = Object.freeze(
  Object.fromEntries(
    [
      "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
      "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
      "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
    ].map((name, index) => [name, index + 1]),
  ),
);

const CODES = new Set(Object.values(Code));

/** The codes of failures that may be over a moment later. */
const PASSING = new Set([1, 2, 4, 8, 13, 14]);

/** What statuses mean that something other than the gateway answered with. */
const CODE_OF_STATUS = {
  400: 3, 401: 16, 403: 7, 404: 5, 408: 4, 413: 8, 429: 8, 501: 12, 502: 14, 503: 14, 504: 14,
};

/** The ordinary `instanceof`, as subclasses of a host's own have it. */
const isInstance = Function.prototype[Symbol.hasInstance];

export class EtcdError extends Error {
  constructor(message, code, status = 0, options = undefined) {
    super(message, options);
    this.name = "EtcdError"; // in so many words: bundlers rename classes
    this.code = code;
    this.status = status;
  }

  static [Symbol.hasInstance](given) {
    return this === EtcdError ? given?.[ERROR] === true : isInstance.call(this, given);
  }

  get [ERROR]() { return true; }
}

export class Conflict extends EtcdError {
  constructor(current) {
    const there = current ? `revision ${current.modRevision} is there` : "there is no such key";
    super(`somebody else was first: ${there}`, Code.ABORTED, 409);
    this.name = "Conflict";
    this.current = current;
  }

  static [Symbol.hasInstance](given) {
    return this === Conflict ? given?.[CONFLICT] === true : isInstance.call(this, given);
  }

  get [CONFLICT]() { return true; }
}

/** The error of a failed fetch: the signal's reason, or that nobody could be reached. */
function unreachable(error, signal) {
  if (error instanceof EtcdError) return error;
  if (signal?.aborted) return reasonOf(signal);
  const told = error?.message ?? error; // a host's `fetch` may throw anything
  return new EtcdError(`no connection: ${told}`, Code.UNAVAILABLE, 0, { cause: error });
}

/** Why a signal was aborted; signals of older makes do not say. */
const reasonOf = (signal) => signal.reason ?? new DOMException("the call was aborted", "AbortError");

/** Where no gateway is there are such statuses; the gateway's own errors have a gRPC code. */
const NO_GATEWAY = new Set([404, 405]);
const IS_BASE_RIGHT = "is `base` right?";

/** The error in a response: the gateway's own, or another server's on the way to it. */
async function errorOf(response, url) {
  const { status, type } = response;
  if (type === "opaqueredirect" || (status >= 300 && status < 400)) {
    return new EtcdError("sent to another page: is the login over?", Code.UNAUTHENTICATED, status);
  }
  const json = await response.json().catch(() => null); // a page perhaps, or cut off
  const told = [json?.message, json?.error, json?.detail].find((text) => typeof text === "string");
  const isOurs = CODES.has(json?.code);
  const code = isOurs ? json.code : (CODE_OF_STATUS[status] ?? Code.UNKNOWN);
  const message = told || `HTTP status ${status}`;
  const lost = !isOurs && NO_GATEWAY.has(status);
  return new EtcdError(lost ? `${message} at ${url}: ${IS_BASE_RIGHT}` : message, code, status);
}

/** The error in a stream; before etcd 3.6 it has other names for its fields. */
const streamError = ({ message, code, grpc_code }) =>
  new EtcdError(message ?? "the stream has failed", code ?? grpc_code ?? Code.UNKNOWN, 200);

const ended = () => new EtcdError("the stream has ended", Code.UNAVAILABLE, 200);

/** Why etcd ended a watch; the code stands in the text, if anywhere. */
function watchRefused({ cancel_reason: reason = "etcd has ended the watch" }) {
  if (/permission denied/i.test(reason)) return new EtcdError(reason, Code.PERMISSION_DENIED, 200);
  if (/auth token|user name is empty/i.test(reason)) {
    return new EtcdError(reason, Code.UNAUTHENTICATED, 200);
  }
  return new EtcdError(reason, Code.UNKNOWN, 200);
}

// ---- requests -----------------------------------------------------------------------------------

/** A signal of our own that follows others; `done` lets go of them. */
function follow(...signals) {
  const controller = new AbortController();
  const followed = signals.filter(Boolean);
  const abort = () => controller.abort(reasonOf(followed.find((signal) => signal.aborted)));
  if (followed.some((signal) => signal.aborted)) abort();
  for (const signal of followed) signal.addEventListener("abort", abort, { once: true });
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    done: () => followed.forEach((signal) => signal.removeEventListener("abort", abort)),
  };
}

/** Wait, unless the signal is aborted; resolves in both cases. */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, Math.min(milliseconds, MAX_TIMER));
    signal?.addEventListener("abort", finish, { once: true });
  });
}

/** Pauses that double up to a limit, each shortened by chance so that pages do not come as one. */
const pauseAfter = (failures) =>
  Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failures) * (0.5 + Math.random() / 2);

/** The same as `promise`, until the signal is aborted: then it rejects with the reason. */
function unlessAborted(promise, signal) {
  if (!signal) return promise;
  const { promise: aborted, reject } = deferred();
  const abort = () => reject(reasonOf(signal));
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  promise.catch(ignore); // it may fail after the signal
  return Promise.race([aborted, promise]).finally(() => signal.removeEventListener("abort", abort));
}

/** Tell whether `fetch` knows our signals: some test runners take the two from different makers. */
function isKnownToFetch(signal) {
  try {
    return Boolean(new Request("http://localhost/", { signal }));
  } catch {
    return false;
  }
}

/** The URL of the API, without a slash at its end. */
function baseOf(given, ownFetch) {
  const here = globalThis.location?.href;
  let url;
  try {
    url = new URL(given ?? new URL(/* @vite-ignore */ "v3", import.meta.url), here);
  } catch (error) {
    const text = `${given} is no URL here: ${IS_BASE_RIGHT} Outside of a page it begins with https://`;
    throw new TypeError(text, { cause: error });
  }
  if (!ownFetch && !/^https?:$/.test(url.protocol)) {
    throw new TypeError(
      `${url} is not where a gateway can be: ${IS_BASE_RIGHT} Away from the gateway this module ` +
        'has to be told, as in new Etcd({ base: "https://example.org/etcd/v3" })',
    );
  }
  return String(url).replace(/\/+$/, "");
}

/** Speaks to one gateway: JSON over fetch. */
class Transport {
  #headers;
  #fetch;
  #takesSignals;
  /** Whether the gateway has shown that it knows `bytes=text`: only then is it sent text. */
  #takesText = false;

  constructor({ base, headers, fetch: given }) {
    callable(given, "fetch");
    this.base = baseOf(base, given);
    this.#headers = headers;
    this.#fetch = given ?? ((...request) => fetch(...request));
  }

  /** One response: its JSON, and whether its bytes are text. */
  async call(path, message, signal) {
    return this.#whole(signal, (inner) => this.#post(path, message, true, inner));
  }

  /** One response as etcd's own gateway would give it, with bytes in base64. */
  async plain(path, message, signal) {
    return (await this.#whole(signal, (inner) => this.#post(path, message, false, inner))).json;
  }

  /** A document beside the API. */
  async document(path, signal) {
    const ask = async (inner) => {
      const headers = await this.#ownHeaders(inner);
      return this.#ask(new URL(path, this.base), { headers, signal: inner });
    };
    return (await this.#whole(signal, ask)).json;
  }

  /** The whole of one response. The request has a signal of our own: the caller's may be foreign. */
  async #whole(signal, ask) {
    const { signal: inner, done } = follow(signal);
    try {
      const response = await ask(inner);
      const json = await unlessAborted(response.json(), inner);
      return { json, text: speaksText(response) };
    } catch (error) {
      throw unreachable(error, signal);
    } finally {
      done();
    }
  }

  /** The messages of a stream, until it ends. It says `alive` whenever something arrives. */
  async *stream(path, message, signal, alive = () => {}) {
    const { signal: inner, abort, done } = follow(signal);
    try {
      const response = await this.#post(path, message, true, inner);
      const text = speaksText(response);
      for await (const line of lines(response.body, alive, inner)) {
        const { result, error } = JSON.parse(line);
        if (error) throw streamError(error);
        yield { json: result, text };
      }
      if (inner.aborted) throw reasonOf(inner);
    } catch (error) {
      throw unreachable(error, signal);
    } finally {
      abort(); // the rest of the answer, if the reader has left early
      done();
    }
  }

  async #post(path, message, text, signal) {
    if (signal.aborted) throw reasonOf(signal);
    const headers = await this.#ownHeaders(signal);
    const sendsText = text && this.#takesText;
    headers.set("content-type", sendsText ? TEXT_JSON : JSON_TYPE);
    headers.set("accept", text ? TEXT_JSON : JSON_TYPE);
    const body = encode(message, sendsText);
    const request = { method: "POST", headers, body, signal };
    const response = await this.#ask(`${this.base}/${path}`, request);
    this.#takesText ||= speaksText(response);
    return response;
  }

  async #ask(url, request) {
    const response = await this.#fetched(String(url), request);
    if (!response.ok) throw await unlessAborted(errorOf(response, url), request.signal);
    if (!contentType(response).startsWith(JSON_TYPE)) {
      response.body?.cancel().catch(ignore);
      const message = `no JSON but ${contentType(response) || "nothing"} at ${url}: ${IS_BASE_RIGHT}`;
      throw new EtcdError(message, Code.UNKNOWN, response.status);
    }
    return response;
  }

  async #fetched(url, { signal, ...request }) {
    const common = { credentials: "same-origin", cache: "no-store", redirect: "manual" };
    this.#takesSignals ??= isKnownToFetch(signal);
    const given = this.#takesSignals ? { signal } : {};
    try {
      const response = Promise.resolve(this.#fetch(url, { ...common, ...request, ...given }));
      response.then((late) => signal.aborted && late.body?.cancel().catch(ignore), ignore);
      return await unlessAborted(response, signal);
    } catch (error) {
      throw unreachable(error, signal);
    }
  }

  async #ownHeaders(signal) {
    if (typeof this.#headers !== "function") return new Headers(this.#headers);
    return new Headers(await unlessAborted(Promise.resolve(this.#headers()), signal));
  }
}

const JSON_TYPE = "application/json";
const TEXT_JSON = "application/json; bytes=text";
const contentType = (response) => response.headers.get("content-type") ?? "";
const speaksText = (response) => /;\s*bytes="?text\b/i.test(contentType(response));

/** The lines of a body, each as soon as it is whole. */
async function* lines(body, alive, signal) {
  const reader = body.getReader();
  const cancel = () => reader.cancel().catch(ignore);
  signal.addEventListener("abort", cancel, { once: true }); // also where `fetch` knows no signal
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let parts = [];
  let length = 0;
  try {
    for (let end = false; !end; ) {
      const { value, done } = await reader.read();
      alive();
      end = done;
      const pieces = (decoder.decode(value, { stream: !done }) + (done ? "\n" : "")).split("\n");
      for (const [index, piece] of pieces.entries()) {
        if (index > 0) {
          const line = parts.join("");
          [parts, length] = [[], 0];
          if (line.trim()) yield line;
        }
        parts.push(piece);
        length += piece.length;
      }
      if (length > MAX_MESSAGE) throw new EtcdError("too long a message", Code.RESOURCE_EXHAUSTED);
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel(); // it may have failed already, which the caller knows
  }
}

// ---- operations ---------------------------------------------------------------------------------

/** A part of a transaction; it goes into JSON as the message that it stands for. */
class Part {
  #message;

  constructor(kind, message) {
    this.kind = kind;
    this.#message = message;
  }

  get [PART]() { return true; }

  toJSON() { return this.#message; }
}

const newOp = (message) => new Part("op", message);

const RELATIONS = { "=": "EQUAL", "!=": "NOT_EQUAL", "<": "LESS", ">": "GREATER" };

function comparison(key, relation, target, operand) {
  if (!Object.hasOwn(RELATIONS, relation)) {
    throw new TypeError(`a relation is one of = != < >, not ${relation}`);
  }
  const result = RELATIONS[relation];
  return new Part("compare", { key: toBytes(key, "key"), result, target, ...operand });
}

export const compare = Object.freeze({
  value: (key, relation, value) =>
    comparison(key, relation, "VALUE", { value: toBytes(value, "value") }),
  version: (key, relation, version) =>
    comparison(key, relation, "VERSION", { version: toInt64(version, "version") }),
  created: (key, relation, revision) =>
    comparison(key, relation, "CREATE", { create_revision: toInt64(revision, "revision") }),
  modified: (key, relation, revision) =>
    comparison(key, relation, "MOD", { mod_revision: toInt64(revision, "revision") }),
  lease: (key, relation, lease) => comparison(key, relation, "LEASE", { lease: toLease(lease) }),
  exists: (key) => compare.created(key, ">", 0n),
  missing: (key) => compare.created(key, "=", 0n),
});

export const op = Object.freeze({
  get: (key, options) => newOp({ request_range: getRequest(key, only(options, "op.get", GET)) }),
  list: (prefix, options) =>
    newOp({ request_range: listRequest(prefix, only(options, "op.list", LIST)) }),
  put: (key, value, options) =>
    newOp({ request_put: putRequest(key, value, only(options, "op.put", PUT)) }),
  delete: (key, options) =>
    newOp({ request_delete_range: deleteRequest(key, only(options, "op.delete", DELETE)) }),
  txn: (txn) => newOp({ request_txn: txnRequest(only(txn, "op.txn", TXN)) }),
});

const asOf = ({ revision, serializable }) => ({
  revision: revision === undefined ? undefined : toInt64(revision, "revision"),
  serializable,
});

const getRequest = (key, options) => ({ key: toBytes(key, "key"), ...asOf(options) });

const ORDERS = ["key", "version", "create", "mod", "value"];

function listRequest(prefix, options) {
  const { limit, after, keysOnly, countOnly, order } = options;
  if (order !== undefined) oneOf(only(order, "order", ["by", "descending"]).by ?? null, "order.by", ORDERS);
  const range = prefixRange(toBytes(prefix, "prefix"));
  if (after !== undefined) {
    if (order) throw new TypeError("after goes by key: it cannot be used together with order");
    const next = successor(toBytes(after, "after"));
    if (byteOrder(next, range.key) > 0) range.key = next;
  }
  return {
    ...range,
    ...asOf(options),
    limit,
    keys_only: keysOnly,
    count_only: countOnly,
    sort_target: order?.by.toUpperCase(),
    sort_order: order && (order.descending ? "DESCEND" : "ASCEND"),
  };
}

const putRequest = (key, value, { lease, keepLease, previous }) => ({
  key: toBytes(key, "key"),
  value: toBytes(value, "value"),
  lease: lease === undefined ? undefined : toLease(lease),
  ignore_lease: keepLease,
  prev_kv: previous,
});

function deleteRequest(key, { prefix, previous }) {
  const bytes = toBytes(key, "key");
  return { ...(prefix ? prefixRange(bytes) : { key: bytes }), prev_kv: previous };
}

const txnRequest = ({ if: conditions = [], then: success = [], else: failure = [] }) => ({
  compare: allOf("compare", conditions, "if"),
  success: allOf("op", success, "then"),
  failure: allOf("op", failure, "else"),
});

function allOf(kind, given, name) {
  if (!Array.isArray(given) || given.some((one) => !(one?.[PART] && one.kind === kind))) {
    throw new TypeError(`${name} must be a list of what ${kind}'s functions make`);
  }
  return given;
}

const TARGETS = "a key, { key }, { prefix } or { from, to }";

function targetRange(target) {
  if (typeof target === "string" || isBytes(target)) return { key: toBytes(target, "target") };
  if (target === null || typeof target !== "object") {
    throw new TypeError(`target must be ${TARGETS}, not ${kindOf(target)}`);
  }
  const names = Object.keys(target).filter((name) => target[name] !== undefined);
  switch (names.sort().join()) {
    case "prefix": return prefixRange(toBytes(target.prefix, "prefix"));
    case "key": return { key: toBytes(target.key, "key") };
    case "from,to": return betweenRange(toBytes(target.from, "from"), toBytes(target.to, "to"));
    default: throw new TypeError(`target must be ${TARGETS}, not { ${names.join(", ")} }`);
  }
}

/** An empty key is no key in etcd: the first one is "\0". */
const betweenRange = (from, to) => ({ key: from.length ? from : ZERO, range_end: to });

// ---- watches ------------------------------------------------------------------------------------

const isPassing = (error) => error instanceof EtcdError && PASSING.has(error.code);

/** A promise to be settled from outside; nobody need look at it. */
function deferred() {
  const settle = {};
  settle.promise = new Promise((resolve, reject) => Object.assign(settle, { resolve, reject }));
  settle.promise.catch(ignore);
  return settle;
}

/** All entries of a range at one revision, asked for in pages. */
async function* pagesOf(transport, range, options) {
  let { revision = 0n, pageSize: limit = PAGE_SIZE, signal, ...more } = options;
  for (let page = { more: true }; page.more; ) {
    const request = { ...range, revision, limit, ...more };
    const { json, text } = await transport.call("kv/range", request, signal);
    page = RESULTS.range(json, text);
    revision ||= page.revision;
    yield page;
    if (page.more) range = { ...range, key: successor(page.entries.at(-1).keyBytes) };
  }
}

const WATCH = [
  "from", "initial", "list", "previous", "only", "stallTimeout", "onChange", "onState", "onError",
  ...CALL,
];

export class Watch {
  #transport;
  #range;
  #options;
  #controller = new AbortController();
  #ready = deferred();
  #closed = deferred();
  #state = "connecting";
  #items;
  #first;
  /** The revision to go on at; 0n: from now on. */
  #next = 0n;
  /** The highest revision heard of, and the cluster that told it. */
  #known = 0n;
  #cluster;
  /** Why the keys have to be listed before going on. */
  #reset;

  constructor(transport, target, options) {
    const { from, initial, signal, onChange } = options;
    for (const name of ["onChange", "onState", "onError"]) callable(options[name], name);
    oneOf(options.only, "only", ["put", "delete"]);
    oneOf(options.list, "list", ["entries", "keys", "none"]);
    if (initial && from !== undefined) throw new TypeError("use either from or initial");
    this.#transport = transport;
    this.#range = targetRange(target);
    this.#options = options;
    if (from !== undefined) this.#next = toInt64(from, "from");
    if (initial) this.#reset = "initial";
    this.#items = this.#run();
    signal?.addEventListener("abort", this.#abort, { once: true });
    if (signal?.aborted) this.close();
    this.#first = this.#items.next();
    this.#first.catch(ignore);
    if (onChange) this.#callBack(onChange);
  }

  get state() { return this.#state; }
  get ready() { return this.#ready.promise; }
  get closed() { return this.#closed.promise; }

  [Symbol.asyncIterator]() {
    return this;
  }

  next() {
    const item = this.#first ?? this.#items.next();
    this.#first = undefined;
    return item;
  }

  async return() {
    this.close();
    return { done: true, value: undefined };
  }

  close() {
    this.#first = undefined;
    this.#finish();
  }

  #abort = () => this.close();

  async #callBack(onChange) {
    try {
      for (let item; !(item = await this.next()).done; ) await onChange(item.value);
    } catch (error) {
      this.#finish(error);
      (this.#options.onError ?? console.error)(error);
    }
  }

  /** Connection after connection, until the watch is closed or cannot be healed. */
  async *#run() {
    const { signal } = this.#controller;
    for (let failures = 0; !signal.aborted; ) {
      const started = Date.now();
      try {
        yield* this.#connection(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!isPassing(error) && error.code !== Code.OUT_OF_RANGE) {
          this.#finish(error);
          throw error;
        }
        failures = Date.now() - started > GOOD_CONNECTION ? 0 : failures + 1;
        this.#tell("retrying", error);
        await pause(pauseAfter(failures), signal);
      }
    }
  }

  /** One request: its changes. It returns when the keys have to be listed first, and else fails. */
  async *#connection(outer) {
    const { signal, abort, done } = follow(outer);
    const { stallTimeout = STALL_TIMEOUT } = this.#options;
    const stalled = new EtcdError("nothing heard for too long", Code.UNAVAILABLE);
    let timer;
    const listening = () => {
      clearTimeout(timer);
      if (stallTimeout <= MAX_TIMER) timer = setTimeout(abort, stallTimeout, stalled);
    };
    try {
      listening();
      if (this.#reset) {
        const item = await this.#list(signal, listening);
        clearTimeout(timer);
        yield item;
        listening();
      }
      const messages = this.#transport.stream("watch", this.#request(), signal, listening);
      for await (const { json, text } of messages) {
        if (await this.#mustList(json, signal)) return;
        clearTimeout(timer); // the reader of the changes may take its time
        yield* this.#changes(json, text);
        listening();
      }
      throw ended();
    } finally {
      clearTimeout(timer);
      abort();
      done();
    }
  }

  #request() {
    const { only, previous } = this.#options;
    const filters = only && [only === "put" ? "NODELETE" : "NOPUT"];
    const start_revision = this.#next || undefined;
    const create = { ...this.#range, start_revision, filters, prev_kv: previous };
    return { create_request: { ...create, progress_notify: true } };
  }

  /** Whether what we know of the keys is worth nothing any more. */
  async #mustList(json, signal) {
    if (int64(json.compact_revision)) this.#reset = "compacted";
    else if (json.canceled) throw watchRefused(json);
    else if (json.created && (await this.#isOther(json.header, signal))) this.#reset = "replaced";
    return this.#reset !== undefined;
  }

  /** Whether etcd's history is not the one that we have followed so far. */
  async #isOther({ cluster_id, revision }, signal) {
    if (this.#cluster !== undefined && this.#cluster !== cluster_id) return true;
    this.#cluster = cluster_id;
    if (int64(revision) >= this.#known) return false;
    // A member may lag behind the others. Only an answer of the whole cluster tells.
    const request = { ...this.#range, count_only: true };
    const { json } = await this.#transport.call("kv/range", request, signal);
    return revisionOf(json) < this.#known;
  }

  *#changes(json, text) {
    const { events = [], created } = json;
    const changes = events.map((event) => toChange(event, this.#options.previous, text));
    this.#follow(revisionOf(json), changes.at(-1)?.revision, created);
    if (created) {
      this.#ready.resolve();
      this.#tell("live");
    }
    yield* changes;
  }

  /**
   * Take note of where we are. While a watch catches up, the header is ahead of the events: it
   * tells where to go on only when a watch from now on is created, and in a report of progress.
   */
  #follow(header, last, created) {
    if (header > this.#known) this.#known = header;
    const seen = last ?? (created && this.#next ? 0n : header);
    if (seen >= this.#next) this.#next = seen + 1n;
  }

  /** The item that replaces the changes that are gone. */
  async #list(signal, alive) {
    const { list = "entries" } = this.#options;
    const only = { keys_only: list === "keys", count_only: list === "none" };
    const [entries, reason] = [[], this.#reset];
    let revision = 0n;
    for await (const page of pagesOf(this.#transport, this.#range, { ...only, signal })) {
      alive();
      entries.push(...page.entries);
      revision ||= page.revision;
    }
    [this.#reset, this.#cluster] = [undefined, undefined];
    [this.#known, this.#next] = [revision, revision + 1n];
    this.#ready.resolve();
    return result({ type: "reset", reason, entries, revision });
  }

  #tell(state, error) {
    if (this.#state === "closed") return;
    this.#state = state;
    this.#options.onState?.(state, error);
  }

  #finish(error) {
    if (this.#state === "closed") return;
    this.#options.signal?.removeEventListener("abort", this.#abort);
    this.#controller.abort();
    this.#items.return().catch(ignore);
    this.#tell("closed", error);
    const never = error ?? new EtcdError("the watch was closed", Code.CANCELLED);
    this.#ready.reject(never);
    if (error) this.#closed.reject(error);
    else this.#closed.resolve();
  }
}

// ---- leases and locks ---------------------------------------------------------------------------

export class Lease {
  #transport;
  #lost = new AbortController();
  #stopped = new AbortController();
  #deadline;
  #onLost;

  constructor(transport, { id, ttl, asked, keepAlive = true, onLost }) {
    this.#transport = transport;
    this.id = id;
    this.ttl = ttl;
    this.#deadline = asked + this.#milliseconds;
    this.#onLost = onLost;
    if (keepAlive) this.#keep();
  }

  get [LEASE]() { return true; }
  get signal() { return this.#lost.signal; }
  get #milliseconds() { return Number(this.ttl) * 1000; }

  /** JSON has no 64-bit integers: they are strings. */
  toJSON() { return { id: String(this.id), ttl: String(this.ttl) }; }

  async refresh(options) {
    const { signal } = only(options, "refresh", CALL);
    const asked = Date.now();
    const answers = this.#transport.stream("lease/keepalive", { ID: this.id }, signal);
    for await (const { json } of answers) {
      if (int64(json.TTL) > 0n) {
        this.ttl = int64(json.TTL);
        this.#deadline = asked + this.#milliseconds;
        return;
      }
      const error = new EtcdError("the lease is gone", Code.NOT_FOUND, 200);
      this.#lose(error);
      throw error;
    }
    throw ended();
  }

  release() {
    this.#stopped.abort();
  }

  async revoke(options) {
    const { signal } = only(options, "revoke", CALL);
    this.release();
    try {
      await revoke(this.#transport, this.id, signal);
    } catch (error) {
      if (!(error instanceof EtcdError && error.code === Code.NOT_FOUND)) throw error;
    }
  }

  /** Renew it every third of its time; after a failure sooner, until it has run out. */
  async #keep() {
    const { signal } = this.#stopped;
    let [failures, wait] = [0, this.#milliseconds / 3];
    for (;;) {
      await pause(wait, signal);
      if (signal.aborted) return;
      try {
        await this.#refreshInTime(signal);
        [failures, wait] = [0, this.#milliseconds / 3];
      } catch (error) {
        if (signal.aborted) return;
        const left = this.#deadline - Date.now();
        if (left <= 0) return this.#lose(outOfTime(error));
        wait = Math.min(left, pauseAfter(failures++));
      }
    }
  }

  async #refreshInTime(outer) {
    const { signal, abort, done } = follow(outer);
    const left = Math.max(0, this.#deadline - Date.now());
    const timer = setTimeout(abort, Math.min(left, this.#milliseconds / 3, MAX_TIMER));
    try {
      await this.refresh({ signal });
    } finally {
      clearTimeout(timer);
      done();
    }
  }

  #lose(error) {
    if (this.#lost.signal.aborted || this.#stopped.signal.aborted) return;
    this.release();
    this.#lost.abort(error);
    this.#onLost?.(error);
  }
}

const outOfTime = (cause) =>
  new EtcdError("the lease could not be renewed in time", Code.UNAVAILABLE, 0, { cause });

const revoke = (transport, id, signal) =>
  transport.call("lease/revoke", { ID: toInt64(id, "id") }, signal);

export class Lock {
  #key;

  constructor(lease, key, onLost) {
    this.lease = lease;
    this.#key = key;
    this.key = key.text;
    const tell = () => onLost?.(this.signal.reason);
    if (this.signal.aborted) tell();
    else this.signal.addEventListener("abort", tell, { once: true });
  }

  get keyBytes() { return this.#key.bytes; }
  get signal() { return this.lease.signal; }

  /** JSON has no 64-bit integers: they are strings. */
  toJSON() { return { key: this.key, lease: this.lease }; }

  /** The key lives by the lease: when the one ends, so does the other. */
  async unlock(options) {
    return this.lease.revoke(only(options, "unlock", CALL));
  }
}

// ---- the client ---------------------------------------------------------------------------------

export class Etcd {
  #transport;

  constructor(options) {
    this.#transport = new Transport(only(options, "Etcd", ["base", "headers", "fetch"]));
  }

  get base() { return this.#transport.base; }

  async get(key, options) {
    const given = only(options, "get", [...GET, ...CALL]);
    const page = await this.#ask("range", "kv/range", getRequest(key, given), given);
    return page.entries[0] ?? null;
  }

  async list(prefix, options) {
    const given = only(options, "list", [...LIST, ...CALL]);
    return this.#ask("range", "kv/range", listRequest(prefix, given), given);
  }

  scan(prefix, options) {
    const given = only(options, "scan", [...GET, "keysOnly", "pageSize", ...CALL]);
    const { keysOnly, pageSize, signal } = given;
    const range = prefixRange(toBytes(prefix, "prefix"));
    return this.#scan(range, { ...asOf(given), pageSize, signal, keys_only: keysOnly });
  }

  async put(key, value, options) {
    const given = only(options, "put", [...PUT, "ifRevision", ...CALL]);
    const request = putRequest(key, value, given);
    if (given.ifRevision === undefined) return this.#ask("put", "kv/put", request, given);
    return this.#swap(request.key, newOp({ request_put: request }), given);
  }

  async delete(key, options) {
    const given = only(options, "delete", [...DELETE, "ifRevision", ...CALL]);
    const request = deleteRequest(key, given);
    if (given.ifRevision === undefined) {
      return this.#ask("delete_range", "kv/deleterange", request, given);
    }
    if (given.prefix) throw new TypeError("ifRevision is for one key, not for a prefix");
    return this.#swap(request.key, newOp({ request_delete_range: request }), given);
  }

  async txn(txn) {
    const given = only(txn, "txn", [...TXN, ...CALL]);
    return this.#ask("txn", "kv/txn", txnRequest(given), given);
  }

  watch(target, options) {
    return new Watch(this.#transport, target, only(options, "watch", WATCH));
  }

  async lease(ttl, options) {
    const { id, keepAlive, onLost, signal } = only(options, "lease", ["id", "keepAlive", "onLost", ...CALL]);
    callable(onLost, "onLost");
    const asked = Date.now();
    const request = { TTL: toInt64(ttl, "ttl"), ID: id === undefined ? id : toInt64(id, "id") };
    const { json } = await this.#transport.call("lease/grant", request, signal);
    const granted = { id: int64(json.ID), ttl: int64(json.TTL), asked };
    return new Lease(this.#transport, { ...granted, keepAlive, onLost });
  }

  async leases(options) {
    const { signal } = only(options, "leases", CALL);
    const { json } = await this.#transport.call("lease/leases", {}, signal);
    return (json.leases ?? []).map(({ ID }) => int64(ID));
  }

  async leaseInfo(id, options) {
    const { keys, signal } = only(options, "leaseInfo", ["keys", ...CALL]);
    const request = { ID: toInt64(id, "id"), keys };
    const { json, text } = await this.#transport.call("lease/timetolive", request, signal);
    return result({
      id: int64(json.ID),
      ttl: int64(json.TTL),
      grantedTtl: int64(json.grantedTTL),
      keys: (json.keys ?? []).map((key) => new Field(key, text).text),
    });
  }

  async revoke(id, options) {
    await revoke(this.#transport, id, only(options, "revoke", CALL).signal);
  }

  async lock(name, options) {
    const { ttl = LOCK_TTL, onLost, signal } = only(options, "lock", ["ttl", "onLost", ...CALL]);
    callable(onLost, "onLost");
    const bytes = toBytes(name, "name");
    for (let failures = 0; ; failures++) {
      // Each attempt has a lease of its own: etcd may yet clean up after one that was cut off.
      let lease;
      try {
        lease = await this.lease(ttl, { signal });
        return new Lock(lease, await this.#queue(bytes, lease, signal), onLost);
      } catch (error) {
        lease?.revoke().catch(ignore); // and with it the place in the queue; else time does it
        const again = lease?.signal.aborted || error?.code === Code.UNAVAILABLE;
        if (signal?.aborted || !again) throw error;
      }
      await pause(pauseAfter(failures), signal);
    }
  }

  async grant(options) {
    const { signal } = only(options, "grant", CALL);
    const { rpcs, namespaced, user } = await this.#transport.document("grant", signal);
    return { rpcs: new Set(rpcs), namespaced, user };
  }

  async call(path, request = {}, options = undefined) {
    return this.#transport.plain(path, request, only(options, "call", CALL).signal);
  }

  async *#scan(range, options) {
    for await (const page of pagesOf(this.#transport, range, options)) yield* page.entries;
  }

  /** Wait until it is this lease's turn; gives the key that stands for it. */
  async #queue(name, lease, outer) {
    const { signal, done } = follow(outer, lease.signal);
    try {
      const request = { name, lease: lease.id };
      const { json, text } = await this.#transport.call("lock/lock", request, signal);
      return new Field(json.key, text);
    } finally {
      done();
    }
  }

  async #ask(kind, path, request, { signal }) {
    const { json, text } = await this.#transport.call(path, request, signal);
    return RESULTS[kind](json, text);
  }

  /** Carry out `change` if the key has the revision that the caller has seen. */
  async #swap(key, change, { ifRevision, signal }) {
    const unchanged = compare.modified(key, "=", toInt64(ifRevision, "ifRevision"));
    const { succeeded, results, revision } = await this.txn({
      if: [unchanged],
      then: [change],
      else: [op.get(key)],
      signal,
    });
    if (!succeeded) throw new Conflict(results[0].entries[0] ?? null);
    return { ...results[0], revision };
  }
}
