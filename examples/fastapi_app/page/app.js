// The team's keys, live: list, edit, delete. The gateway's own module does the talking; which keys
// there are, and what may be done with them, is decided by the application behind it.
import { Conflict, Etcd } from "../etcd/client.js";

const etcd = new Etcd();
const find = (selector) => document.querySelector(selector);
const rows = new Map(); // key -> { item, entry, revision }
const grant = await attempt(() => etcd.grant());
const mayWrite = grant?.rpcs.has("KV.Put") ?? false;

find("#user").textContent = grant?.user ?? "";
find("#new").hidden = !mayWrite;
find("#new").addEventListener("submit", (event) => {
  event.preventDefault();
  const { key, value } = event.target.elements;
  attempt(async () => {
    await etcd.put(key.value, value.value, { ifRevision: 0 });
    event.target.reset();
  });
});

await attempt(async () => {
  const onState = (state, error) => {
    find("#state").textContent = error ? `${state}: ${error.message}` : state;
  };
  for await (const change of etcd.watch({ prefix: "" }, { initial: true, onState })) {
    if (change.type === "put") show(change.entry);
    if (change.type === "delete") remove(change.key);
    if (change.type === "reset") {
      [...rows.keys()].forEach(remove);
      change.entries.forEach(show);
    }
  }
});

/** Show an entry, in a row of its own; a value that is being edited stays as it is. */
function show(entry) {
  const row = rows.get(entry.key) ?? add(entry.key);
  const input = row.item.querySelector("input");
  if (row.entry && ![row.entry.value, entry.value].includes(input.value)) {
    say(`${entry.key} has changed meanwhile; your text is still here`);
    return;
  }
  Object.assign(row, { entry, revision: entry.modRevision });
  input.value = entry.value;
  input.disabled = !mayWrite || !entry.isText;
}

/** A new row, where its key belongs. */
function add(key) {
  const item = find("#row").content.cloneNode(true).firstElementChild;
  const row = { item, entry: null, revision: 0n };
  const { value, delete: button } = item.querySelector("form").elements;
  item.querySelector("code").textContent = key;
  for (const each of item.querySelectorAll("button")) each.hidden = !mayWrite;
  item.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    write(row, (ifRevision) => etcd.put(key, value.value, { ifRevision, keepLease: true }));
  });
  button.addEventListener("click", () => write(row, (ifRevision) => etcd.delete(key, { ifRevision })));
  const next = [...rows.keys()].filter((other) => other > key).sort()[0];
  find("#keys").insertBefore(item, next === undefined ? null : rows.get(next).item);
  rows.set(key, row);
  return row;
}

function remove(key) {
  rows.get(key)?.item.remove();
  rows.delete(key);
}

/** Change a key only as it was when it was shown, so that nobody overwrites what another wrote. */
function write(row, change) {
  return attempt(async () => {
    const input = row.item.querySelector("input");
    say("saving ...");
    try {
      const { revision } = await change(row.revision);
      if (revision > row.revision) row.revision = revision; // the watch may tell it later
      say("");
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
      row.entry = null;
      if (error.current) show(error.current);
      say("somebody else was quicker: this is the value now");
    }
  });
}

/** Do it, and tell what went wrong; without a login, go there. */
async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    if (error.status === 401) location.assign("login");
    say(error.message);
    return undefined;
  }
}

function say(text) {
  find("#message").textContent = text;
}
