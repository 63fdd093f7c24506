// The team's keys, live: list, edit, delete. The gateway's own module does the talking; which keys
// there are, and what may be done with them, is decided by the application behind it.
import { Code, Conflict, Etcd } from "../etcd/client.js";

const etcd = new Etcd();
const find = (selector) => document.querySelector(selector);
const rows = new Map(); // id -> row, see newRow()
const rowOf = new WeakMap(); // item -> row
const order = []; // the ids, in the order of the list
const MOST_LINES = 8; // of a value, before it scrolls
const EAGER = 200; // rows that are whole at once; of a longer list those that come near the window
const NEAR = "1000px";
const seen = new IntersectionObserver(
  (found) => found.filter((one) => one.isIntersecting).forEach((one) => complete(rowOf.get(one.target))),
  { rootMargin: NEAR },
);

window.explorerStart?.begun();
addEventListener("beforeunload", (event) => {
  if (isUnsaved()) event.preventDefault();
});
const grant = await attempt(() => etcd.grant());
const mayWrite = grant?.rpcs.has("KV.Put") ?? false;
if (grant) begin();

function begin() {
  find("#user").textContent = grant.user;
  find("#new").hidden = !mayWrite;
  find("#new").addEventListener("submit", create);
  if (mayWrite) showCommands();
  follow();
}

// ---- what is there ------------------------------------------------------------------------------

async function follow() {
  await attempt(async () => {
    for await (const change of etcd.watch({ prefix: "" }, { initial: true, onState: tell })) {
      if (change.type === "put") show(change.entry);
      if (change.type === "delete") vanish(idOf(change), change.revision);
      if (change.type === "reset") reset(change);
    }
  });
}

function tell(state, error) {
  const text = error ? `${state}: ${error.message}` : state;
  Object.assign(find("#state"), { textContent: text, title: text }).dataset.state = state;
}

/** All that there is; rows with text that is not saved stay. */
function reset({ entries, revision }) {
  const there = new Set(entries.map(idOf));
  for (const id of order.filter((id) => !there.has(id))) vanish(id, revision);
  const fresh = entries.filter((entry) => !rows.has(idOf(entry)));
  if (order.length === 0) addAll(fresh);
  else fresh.forEach(add);
  entries.forEach(show);
  count();
}

/** The rows of an empty list, in one piece: the browser lays them out once. */
function addAll(entries) {
  const all = document.createDocumentFragment();
  for (const entry of entries) {
    const row = newRow(entry);
    all.append(row.item);
    order.push(row.id);
    rows.set(row.id, row);
    unfold(row);
  }
  find("#keys").append(all);
}

/** A key's bytes as a string that sorts as etcd does: keys need not be text. */
const idOf = ({ keyBytes }) => Array.from(keyBytes, (byte) => String.fromCharCode(byte)).join("");

/** Where an id is in the list, or belongs. */
function placeOf(id) {
  let [low, high] = [0, order.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (order[middle] < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Show an entry, in a row of its own; text that is not saved stays as it is, and the change is told. */
function show(entry) {
  const row = rows.get(idOf(entry));
  if (!row) return add(entry);
  if (entry.modRevision <= row.known) return; // the reply to a save was quicker
  row.known = entry.modRevision;
  row.latest = entry;
  if (!row.field) return; // nobody has seen it yet
  if (entry.value === row.saving) accept(row, entry.value, entry.modRevision);
  else if (isTyped(row) && row.field.value !== entry.value) {
    note(row, "In etcd now:", entry.value);
    say(`${entry.key} has changed meanwhile; your text is still here`);
  } else fill(row, entry);
}

/** Show what etcd has. */
function fill(row, entry) {
  row.field.value = entry.value;
  // A field keeps neither lone carriage returns nor bytes that are not text: such a value is only looked at here.
  const isWhole = entry.isText && row.field.value === entry.value;
  row.field.disabled = !mayWrite || !isWhole;
  row.save.hidden = !mayWrite || !isWhole;
  if (!isWhole) extra(row, "odd").href += `#key=${encodeURIComponent(shown(row.id))}`;
  else dropExtra(row, "odd");
  accept(row, row.field.value, entry.modRevision);
  note(row);
}

/** From now on the row's text is what etcd has at that revision, unless the user has typed on. */
function accept(row, text, revision) {
  Object.assign(row, { base: text, revision });
  fit(row.field);
}

const isTyped = (row) => row.field && row.field.value !== row.base;
const isUnsaved = () =>
  [...rows.values()].some((row) => isTyped(row) || row.extras.mine) ||
  [...find("#new").elements].some((field) => field.value);

/** Add a row, where its key belongs. */
function add(entry) {
  const row = newRow(entry);
  const at = placeOf(row.id);
  find("#keys").insertBefore(row.item, rows.get(order[at])?.item ?? null);
  order.splice(at, 0, row.id);
  rows.set(row.id, row);
  unfold(row);
  count();
}

/** A row that has its key alone: see complete(). */
function newRow(entry) {
  const item = document.createElement("li");
  const name = document.createElement("code");
  name.textContent = entry.key;
  item.append(name);
  const row = {
    id: idOf(entry), key: entry.keyBytes, name: entry.key, item, field: null, save: null, extras: {},
    base: "", revision: 0n, known: entry.modRevision, latest: entry, saving: undefined,
  };
  rowOf.set(item, row);
  return row;
}

/** Complete a row now, or when it is about to be seen: thousands of fields take seconds. */
function unfold(row) {
  if (order.length <= EAGER) complete(row);
  else seen.observe(row.item);
}

/** Give a row its field and its buttons. */
function complete(row) {
  if (!row || row.field) return;
  seen.unobserve(row.item);
  const form = copyOf("row");
  const part = (name) => form.querySelector(`[data-part="${name}"]`);
  [row.field, row.save] = [part("field"), part("save")];
  part("key").textContent = row.name;
  row.field.ariaLabel = `Value of ${row.name}`;
  part("remove").hidden = !mayWrite;
  row.field.addEventListener("input", () => fit(row.field));
  row.field.addEventListener("keydown", submitByKey);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    save(row, row.field.value);
  });
  part("remove").addEventListener("click", () => remove(row));
  fill(row, row.latest);
  row.item.prepend(form);
  row.item.querySelector(":scope > code").remove();
}

const copyOf = (name) => find(`#${name}`).content.cloneNode(true).firstElementChild;

/** A part of a row that few rows have, new below the others. */
function extra(row, name) {
  dropExtra(row, name);
  row.extras[name] = copyOf(name);
  row.item.append(row.extras[name]);
  return row.extras[name];
}

function dropExtra(row, name) {
  row.extras[name]?.remove();
  delete row.extras[name];
}

/** A key as the explorer writes it in its addresses. */
const shown = (id) =>
  Array.from(id, (one) =>
    one === "\\" ? "\\\\" : /[!-~]/.test(one) ? one : `\\x${one.charCodeAt(0).toString(16).padStart(2, "0")}`,
  ).join("");

/** A deleted key; text that is not saved stays. */
function vanish(id, revision) {
  const row = rows.get(id);
  if (!row || revision < row.known) return;
  Object.assign(row, { known: revision, revision: 0n, latest: null });
  if (isTyped(row) || row.extras.mine) {
    row.base = "";
    note(row, "It has been deleted. Saving creates it again.");
    say(`${row.name} has been deleted meanwhile; your text is still here`);
    return;
  }
  seen.unobserve(row.item);
  row.item.remove();
  rows.delete(id);
  order.splice(placeOf(id), 1);
  count();
}

function note(row, text = "", value = "") {
  if (!text) return dropExtra(row, "note");
  const told = extra(row, "note");
  told.querySelector("span").textContent = text;
  told.querySelector("code").textContent = value;
}

function count() {
  const text = order.length === 1 ? "1 key" : `${order.length.toLocaleString("en")} keys`;
  if (find("#count").textContent !== text) find("#count").textContent = text;
}

/** As many lines as the text has. */
function fit(field) {
  const lines = Math.min(MOST_LINES, field.value.split("\n").length);
  if (field.rows !== lines) field.rows = lines;
}

// ---- changes ------------------------------------------------------------------------------------

async function create(event) {
  event.preventDefault();
  const form = event.target;
  const { key, value } = form.elements;
  const [name, text] = [key.value, value.value];
  await attempt(async () => {
    try {
      await etcd.put(name, text, { ifRevision: 0 });
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
      say(`${name} exists already; your text is still here`);
      return;
    }
    say("");
    if (key.value === name && value.value === text) form.reset();
    fit(value);
  }, "not added");
}

/** Change a key only as it was when it was shown, so that nobody overwrites what another wrote. */
async function save(row, text) {
  say("saving ...");
  row.saving = text;
  const keepLease = row.revision > 0n;
  const done = await attempt(async () => {
    try {
      return await etcd.put(row.key, text, { ifRevision: row.revision, keepLease });
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
      conflict(row, error.current, text);
      return undefined;
    }
  }, "not saved");
  row.saving = undefined;
  if (!done) return false;
  if (done.revision >= row.known) {
    row.known = done.revision;
    accept(row, text, done.revision);
    note(row);
  } else if (row.field.value === text && row.latest) fill(row, row.latest); // changed again meanwhile
  say("");
  return true;
}

/** Both texts, one beside the other: what is there now, and what the user has typed. */
function conflict(row, current, text) {
  keep(row, text);
  if (current) {
    row.known = current.modRevision;
    row.latest = current;
    fill(row, current);
    say(`somebody else was quicker: this is the value now, and your text is kept beside it`);
  } else {
    Object.assign(row, { base: "", revision: 0n });
    row.field.value = "";
    note(row, "It has been deleted. Saving creates it again.");
    say(`somebody else has deleted ${row.name}; your text is kept`);
  }
}

/** Keep the user's text beside what is there now. */
function keep(row, text) {
  const mine = extra(row, "mine");
  const field = mine.querySelector("textarea");
  const [again, drop] = mine.querySelectorAll("button");
  field.value = text;
  fit(field);
  field.addEventListener("input", () => fit(field));
  drop.addEventListener("click", () => dropExtra(row, "mine"));
  again.addEventListener("click", async () => {
    if (!isTyped(row)) row.field.value = field.value;
    if (await save(row, field.value)) dropExtra(row, "mine"); // after another conflict there is a new one
  });
}

async function remove(row) {
  const { key, name, latest } = row;
  const done = await attempt(async () => {
    try {
      return await etcd.delete(key, { ifRevision: row.revision, previous: true });
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
      if (error.current) show(error.current);
      say(`${name} was not deleted: somebody else has changed it`);
      return undefined;
    }
  }, "not deleted");
  if (!done) return;
  row.base = row.field.value; // what was typed into it goes with it
  dropExtra(row, "mine");
  vanish(row.id, done.revision);
  say(`${name} is deleted.`, { label: "Undo", action: () => restore(key, name, done.previous[0] ?? latest) });
}

/** Put a deleted key back as it was, byte for byte. */
async function restore(key, name, entry) {
  await attempt(async () => {
    const put = (lease) => etcd.put(key, entry.bytes, { ifRevision: 0, lease });
    try {
      await put(entry.lease);
    } catch (error) {
      if (error instanceof Conflict) return say(`${name} exists again already`);
      if (error.code !== Code.NOT_FOUND) throw error;
      await put(0n); // its lease has ended, or is not one of this team's
    }
    return say("");
  }, "not restored");
}

function submitByKey(event) {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  event.target.form.requestSubmit();
}

/** Do it, and tell what went wrong; without a login, go there, unless text would be lost. */
async function attempt(action, what = "") {
  try {
    return await action();
  } catch (error) {
    if (error.status === 401 && !isUnsaved()) location.assign("login");
    else if (error.status === 401) say("you are not logged in any more: log in in another tab; your text is kept");
    else say(what ? `${what}: ${error.message}` : error.message);
    return undefined;
  }
}

/** Say something below the header, with a button beside it or without. */
function say(text, { label, action } = {}) {
  const message = find("#message");
  message.textContent = text;
  if (!label) return;
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
  button.className = "button";
  button.addEventListener("click", action);
  message.append(" ", button);
}

// ---- the commands for another terminal ----------------------------------------------------------

function showCommands() {
  const url = new URL(".", location.href).href.replace(/\/$/, "");
  const code = find("#commands pre code");
  code.textContent = code.textContent.trim().replaceAll("{url}", url).replaceAll("{user}", encodeURIComponent(grant.user));
  find("#commands").hidden = false;
  find("#copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      find("#copied").textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code); // clipboards may be forbidden
      find("#copied").textContent = "Press Ctrl + C";
    }
  });
}

find("#new [name=value]").addEventListener("keydown", submitByKey);
find("#new [name=value]").addEventListener("input", (event) => fit(event.target));
