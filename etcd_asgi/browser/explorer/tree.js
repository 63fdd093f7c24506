// The tree of keys, as far as it has been opened: folders with the entries that were listed, kept up to date by
// events. It knows neither the page nor etcd's wire; the view draws rows().

import { rangeEnd } from "./bytes.js";
import { entryOf, page } from "./listing.js";

class Folder {
  constructor(prefix, from, end) {
    Object.assign(this, { kind: "folder", id: prefix, from, end, open: false });
    // cursor: where unlisted entries begin; null when all are listed.
    Object.assign(this, { entries: [], cursor: from, loaded: false, error: null });
    // touched: when a key was last put below it, while it was not listed.
    Object.assign(this, { count: null, countRevision: 0n, touched: 0n });
  }

  /** Take in a page of keys. */
  fill({ entries, cursor, revision, count }) {
    if (!this.loaded) Object.assign(this, { count, countRevision: revision });
    for (const entry of entries) {
      if (!this.find(entry)) this.entries.splice(this.place(entry.id), 0, made(entry));
    }
    Object.assign(this, { loaded: true, cursor });
  }

  /** Where an entry is, or would be. */
  place(id) {
    let [low, high] = [0, this.entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.entries[middle].id < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  find(entry) {
    const at = this.place(entry.id);
    const found = this.entries[at];
    return found && found.id === entry.id && found.kind === entry.kind ? found : null;
  }

  /** Whether an entry is in the part that has been listed. */
  covers(id) {
    return this.loaded && (this.cursor === null || id < this.cursor);
  }
}

const folderOf = (prefix) => new Folder(prefix, prefix, rangeEnd(prefix));

/** Fires "change" when rows() differ, and "failed" with the error of a listing. */
export class Tree extends EventTarget {
  #store;
  #loading = new Map(); // folder -> promise of its page
  #reload = null; // the reload that is under way
  #missed = []; // events that came while pages were under way
  #doubtful = new Set(); // folders that may have no keys any more

  constructor(store, prefix = "") {
    super();
    this.#store = store;
    this.prefix = prefix;
    const base = prefix.slice(0, prefix.lastIndexOf("/") + 1);
    this.root = new Folder(base, prefix, rangeEnd(prefix));
    this.root.open = true;
  }

  /** Rows to show, from the top: {kind: "folder" | "key" | "more", ...}. */
  rows() {
    const rows = [];
    const add = (folder, level) => {
      const total = folder.entries.length + (folder.cursor === null && !folder.error ? 0 : 1);
      folder.entries.forEach((entry, at) => {
        rows.push({ ...rowOf(entry, folder), level, place: at + 1, total });
        if (entry.kind === "folder" && entry.open) add(entry, level + 1);
      });
      if (total > folder.entries.length) rows.push({ ...this.#more(folder), level, place: total, total });
    };
    add(this.root, 1);
    return rows;
  }

  #more(folder) {
    const state = folder.error ? "failed" : this.#loading.has(folder) ? "loading" : "more";
    return { kind: "more", row: `m:${folder.id}`, folder, state, parent: folder, error: folder.error };
  }

  /** List again all that is listed, and show it when it is there: until then nothing moves. */
  async reload() {
    const turn = (this.#reload = {});
    try {
      const fresh = await this.#again(this.root);
      if (turn !== this.#reload) return;
      this.root = fresh;
      for (const event of this.#missed) this.#apply(event);
    } catch (error) {
      if (turn === this.#reload) this.dispatchEvent(new CustomEvent("failed", { detail: error }));
    } finally {
      if (turn === this.#reload) this.#reload = null;
      this.#settle();
      this.#changed();
    }
  }

  async #again(folder) {
    const fresh = new Folder(folder.id, folder.from, folder.end);
    fresh.open = folder.open;
    const want = Math.max(folder.entries.length, 1);
    fresh.fill(await page(this.#store, { folder: fresh.id, from: fresh.from, end: fresh.end, want }));
    for (const old of folder.entries.filter((entry) => entry.open)) {
      if (fresh.find(old)) fresh.entries[fresh.place(old.id)] = await this.#again(old);
    }
    return fresh;
  }

  /** The folder with this prefix, if it is listed. */
  folder(prefix) {
    let folder = this.root;
    while (folder && folder.id !== prefix) {
      const entry = entryOf(folder.id, prefix);
      folder = entry.kind === "folder" ? folder.find(entry) : null;
    }
    return folder;
  }

  /** Open the folders above a key, as far as they are listed. */
  async reveal(key) {
    if (!this.root.loaded) await this.more(this.root);
    for (let folder = this.root; folder; ) {
      const entry = entryOf(folder.id, key);
      folder = entry.kind === "folder" ? folder.find(entry) : null;
      if (folder) await this.open(folder);
    }
  }

  async open(folder) {
    folder.open = true;
    this.#changed();
    if (!folder.loaded) await this.more(folder);
  }

  close(folder) {
    folder.open = false;
    this.#changed();
  }

  /** List the next page of a folder, unless one is under way. */
  async more(folder) {
    if (folder.loaded && folder.cursor === null && !folder.error) return;
    if (!this.#loading.has(folder)) {
      this.#loading.set(folder, this.#load(folder));
      this.#changed();
    }
    await this.#loading.get(folder);
  }

  async #load(folder) {
    folder.error = null;
    try {
      const got = await page(this.#store, { folder: folder.id, from: folder.cursor, end: folder.end });
      const counted = folder.loaded ? [] : [folder];
      folder.fill(got);
      for (const event of this.#missed) if (event.revision > got.revision) this.#apply(event, counted);
    } catch (error) {
      folder.error = error;
      this.dispatchEvent(new CustomEvent("failed", { detail: error }));
    }
    this.#loading.delete(folder);
    this.#settle();
    this.#changed();
  }

  // Nothing is under way any more that could have missed an event.
  #settle() {
    if (this.#loading.size === 0 && !this.#reload) this.#missed = [];
  }

  /** Bring an event in: {type: "put" | "delete", key, revision, created}. */
  take(event) {
    if (this.#loading.size > 0 || this.#reload) this.#missed.push(event);
    this.#apply(event);
    this.#changed();
  }

  // Entries may be told twice; counts may not: `counted` has the folders that this event has not been counted in.
  #apply(event, counted = null) {
    if (!event.key.startsWith(this.prefix)) return;
    const path = this.#path(event);
    for (const folder of counted ?? path.folders) if (path.folders.includes(folder)) this.#count(folder, event);
    if (event.type === "put") this.#add(path, event.revision);
    else this.#remove(path);
  }

  // The listed folders on the way to a key, and the entry at which the way ends.
  #path({ key }) {
    const folders = [this.root];
    for (;;) {
      const folder = folders.at(-1);
      const entry = entryOf(folder.id, key);
      const found = folder.find(entry);
      if (entry.kind === "key" || !found?.loaded) return { folders, entry, found };
      folders.push(found);
    }
  }

  #count(folder, event) {
    if (folder.count === null || event.revision <= folder.countRevision) return;
    if (event.type === "delete") folder.count = Math.max(0, folder.count - 1);
    else if (event.created) folder.count += 1;
  }

  #add({ folders, entry, found }, revision) {
    const folder = folders.at(-1);
    if (found?.kind === "folder") found.touched = revision;
    if (!found && folder.covers(entry.id)) folder.entries.splice(folder.place(entry.id), 0, made(entry));
  }

  #remove({ folders, entry, found }) {
    if (!found) return;
    if (entry.kind === "folder") {
      this.#doubt(found);
      return;
    }
    let [folder, gone] = [folders.pop(), found];
    folder.entries.splice(folder.place(gone.id), 1);
    while (folders.length > 0 && folder.entries.length === 0 && folder.cursor === null) {
      [folder, gone] = [folders.pop(), folder];
      folder.entries.splice(folder.place(gone.id), 1);
    }
  }

  // A folder that is closed may have lost its last key: ask.
  #doubt(folder) {
    this.#doubtful.add(folder);
    if (this.#doubtful.size === 1) setTimeout(() => this.#ask(), 300);
  }

  async #ask() {
    const folders = [...this.#doubtful];
    this.#doubtful.clear();
    for (const folder of folders) {
      try {
        const range = { key: folder.from, end: folder.end, limit: 1, keysOnly: true };
        const { kvs, revision } = await this.#store.range(range);
        if (kvs.length === 0 && folder.touched <= revision) this.#drop(folder);
      } catch {
        return; // the next listing tells
      }
    }
  }

  #drop(folder) {
    const parent = this.folder(folder.id.slice(0, folder.id.slice(0, -1).lastIndexOf("/") + 1));
    if (!parent?.find(folder)) return;
    parent.entries.splice(parent.place(folder.id), 1);
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

const made = (entry) => (entry.kind === "folder" ? folderOf(entry.id) : entry);

function rowOf(entry, parent) {
  return {
    kind: entry.kind,
    row: `${entry.kind === "folder" ? "d" : "k"}:${entry.id}`,
    id: entry.id,
    name: entry.id.slice(parent.id.length, entry.kind === "folder" ? -1 : undefined),
    entry,
    parent,
    open: entry.open ?? false,
    count: entry.count ?? null,
  };
}
