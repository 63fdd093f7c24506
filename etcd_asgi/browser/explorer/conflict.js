// Two people have changed one key: both values, and the user's choice.

import { button, el } from "./dom.js";
import { valueView, sides } from "./valueview.js";
import { formatsOf } from "./formats.js";

const column = (title, note, view) =>
  el("section", { class: "side" }, el("h2", {}, title, el("span", { class: "faint" }, note)), view);

const gone = () => el("p", { class: "empty" }, "The key does not exist any more.");
const deleted = () => el("p", { class: "empty" }, "You are deleting the key.");

function views(theirs, mine) {
  if (theirs && mine) return sides(theirs.value, mine);
  const only = (bytes) => valueView(bytes, formatsOf(bytes)[0]);
  return [theirs ? only(theirs.value) : gone(), mine ? only(mine) : deleted()];
}

/**
 * The page of a conflict. `theirs` is what etcd has now (null: deleted), `mine` the bytes to be saved (null: a deletion).
 * Callbacks: mine(), theirs(), and edit() where there is something to edit.
 */
export function conflictView({ theirs, mine, seen }, { onMine, onTheirs, onEdit }) {
  const [left, right] = views(theirs, mine);
  const now = theirs ? `revision ${theirs.modified.toLocaleString("en")}` : "deleted";
  const base = seen === 0n ? "as a new key" : `from revision ${seen.toLocaleString("en")}`;
  const keep = mine ? "Overwrite with mine" : "Delete it anyway";
  return el("div", { class: "conflict", role: "group", "aria-label": "Conflict" },
    el("p", { class: "notice warning", role: "alert" },
      seen === 0n
        ? "This key exists by now. Nothing was saved."
        : `Somebody else has changed this key. Nothing was ${mine ? "saved" : "deleted"}.`),
    el("div", { class: "sides" },
      column("In etcd now", now, left),
      column(mine ? "Yours" : "Your change", base, right)),
    el("div", { class: "actions" },
      button(theirs ? "Keep theirs" : "Leave it deleted", { kind: "primary", onclick: onTheirs }),
      mine && onEdit ? button("Go on editing mine", { onclick: onEdit }) : null,
      button(keep, { kind: "danger", onclick: onMine })));
}
