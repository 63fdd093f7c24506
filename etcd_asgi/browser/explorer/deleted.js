// When a key was deleted, and what it was before. etcd gives no list of deletions, but it gives the key as it was at
// any revision that has not been compacted, and replays a key's changes to a watch that begins in the past.

import { kindOf } from "./trouble.js";

const FIRST_CHANGE = 3000; // milliseconds to wait for a change of a key that may have none
const SAMPLES = 100n; // the most revisions to look at, in each of two ways, for a key that may not be watched
const NEXT_CHANGE = 500; // milliseconds of silence after which no more changes of the past are expected

/**
 * How a key that is not there was deleted: {kv, revision}, with what it was before and the revision that deleted it;
 * null where etcd has no history of it. `last` is what it was when it was last seen, where that is known.
 */
export async function deletionOf(store, key, { last = null, mayWatch }) {
  const range = { key, end: `${key}\0`, limit: 1, keysOnly: true };
  const { kvs, revision: now } = await store.range(range);
  if (kvs.length > 0) return null; // it is there again
  let start = last ? { from: last.modified, at: last.modified, kv: last } : await oldest(store, key, now);
  if (!start.kv && !mayWatch) start = await sampled(store, key, start.from, now);
  const found = start.kv ? await boundary(store, key, start, now) : null;
  if (!mayWatch) return found;
  const from = found ? found.revision + 1n : start.from;
  return (await replay(store, key, from, found ? NEXT_CHANGE : FIRST_CHANGE)) ?? found;
}

/** The key at a revision: an entry, null where there was none, undefined where the revision was compacted. */
async function at(store, key, revision) {
  try {
    return await store.get(key, revision);
  } catch (error) {
    if (kindOf(error) === "compacted") return undefined;
    throw error;
  }
}

/** The oldest revision to be had, and the latest of those asked for on the way at which the key was there. */
async function oldest(store, key, now) {
  let [low, high, seen] = [0n, now, { at: 0n, kv: null }]; // low is compacted, or the one before the first
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    const kv = await at(store, key, middle);
    if (kv === undefined) low = middle;
    else high = middle;
    if (kv && middle > seen.at) seen = { at: middle, kv };
  }
  return { from: high, ...seen };
}

/** A revision at which the key was there: where its changes may not be watched, it is looked for. */
async function sampled(store, key, from, now) {
  for (const revision of samples(from, now)) {
    const kv = await at(store, key, revision);
    if (kv) return { from, at: revision, kv };
  }
  return { from, at: 0n, kv: null };
}

/**
 * Revisions at which to look for a key that is not there now: from the latest on, the longer ago the more sparsely, as
 * keys that somebody asks for were mostly deleted not long ago; then spread evenly over all the history.
 */
function* samples(from, now) {
  let [ago, left] = [1n, SAMPLES];
  for (; left > 0n && now - ago >= from; left -= 1n) {
    yield now - ago;
    ago += ago / 4n || 1n;
  }
  const step = (now - from) / SAMPLES + 1n;
  for (let revision = now - step; revision >= from; revision -= step) yield revision;
}

/** A revision that deleted the key, between one at which it was there and one at which it is not. */
async function boundary(store, key, { at: low, kv }, high) {
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    const there = await at(store, key, middle);
    if (there === undefined) return null; // compacted meanwhile
    if (there) [low, kv] = [middle, there];
    else high = middle;
  }
  return { kv, revision: high };
}

/** The last deletion of a key among its changes from a revision on. */
function replay(store, key, from, patience) {
  return new Promise((resolve) => {
    let [before, found, timer] = [null, null, 0];
    const finish = () => {
      clearTimeout(timer);
      watch.close();
      resolve(found);
    };
    const expect = (milliseconds) => {
      clearTimeout(timer);
      timer = setTimeout(finish, milliseconds);
    };
    const watch = store.watch({ key, from, previous: true }, {
      take: ({ type, revision, kv, previous }) => {
        if (type === "delete" && (previous ?? before)) found = { kv: previous ?? before, revision };
        before = kv;
        expect(NEXT_CHANGE);
      },
      reset: finish, // compacted meanwhile
      state: (state) => state === "failed" && finish(),
    });
    expect(patience);
  });
}
