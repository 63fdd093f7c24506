// What is directly in a folder, without reading all that is below it: after the first key of a subfolder a/b/ the
// next range begins at a/b0, the first key that cannot be in it any more.

const FEWEST = 16;
const MOST = 500;
const FIRST = 200;

/** The first key after all keys of a folder, whose prefix ends in "/". */
export const afterFolder = (prefix) => `${prefix.slice(0, -1)}0`;

/** What a key is in a folder: itself, or the subfolder it is in. */
export function entryOf(folder, key) {
  const slash = key.indexOf("/", folder.length);
  if (slash < 0) return { kind: "key", id: key };
  return { kind: "folder", id: key.slice(0, slash + 1) };
}

/**
 * A page of a folder: {entries, cursor, revision, count}. The cursor is where the next page begins, null at the end;
 * the count is of all keys from `from` on, below subfolders too, and belongs to the revision.
 */
export async function page(store, { folder, from, end, want = MOST }) {
  const entries = [];
  let [cursor, limit, revision, count] = [from, FIRST, null, 0];
  while (cursor !== null && entries.length < want) {
    const answer = await store.range({ key: cursor, end, limit, keysOnly: true });
    if (revision === null) [revision, count] = [answer.revision, answer.count];
    const before = entries.length;
    cursor = take(entries, folder, answer);
    if (cursor !== null && end !== "\0" && cursor >= end) cursor = null;
    limit = Math.min(MOST, Math.max(FEWEST, (entries.length - before) * 2));
  }
  return { entries, cursor, revision, count };
}

// Adds the entries of one answer; returns where to read on.
function take(entries, folder, { kvs, more }) {
  for (const { key } of kvs) {
    const entry = entryOf(folder, key);
    const last = entries.at(-1);
    if (last?.id !== entry.id || last.kind !== entry.kind) entries.push(entry);
  }
  if (!more || kvs.length === 0) return null;
  const last = entries.at(-1);
  return last.kind === "folder" ? afterFolder(last.id) : `${last.id}\0`;
}
