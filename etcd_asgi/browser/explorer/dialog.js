// Questions in the middle of the page, as modal dialogs: focus stays in them and Escape says no.

import { button, el } from "./dom.js";

function open(title, content, buttons) {
  const dialog = el("dialog", { class: "dialog", "aria-label": title },
    el("h2", {}, title), content, el("div", { class: "actions" }, buttons));
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.showModal();
  return dialog;
}

/** Ask; resolves to whether the answer was yes. */
export function confirm(title, text, yes) {
  return new Promise((resolve) => {
    let answer = false;
    const agree = () => {
      answer = true;
      dialog.close();
    };
    const dialog = open(title, el("p", {}, text), [
      button("Cancel", { onclick: () => dialog.close() }),
      button(yes, { kind: "danger solid", onclick: agree }),
    ]);
    dialog.addEventListener("close", () => resolve(answer));
  });
}

const KEYS = [
  ["/", "search by prefix"],
  ["↑ ↓", "move through the tree"],
  ["→ ←", "open and close a folder"],
  ["Enter", "show a key, open a folder"],
  ["Home End PgUp PgDn", "move further"],
  ["n", "new key"],
  ["e", "edit the key that is shown"],
  ["Delete", "delete the key that is shown"],
  ["v", "value of the key that is shown"],
  ["h", "history of the key that is shown"],
  ["Ctrl + Enter", "save"],
  ["Escape", "leave the editor, the search, a dialog"],
  ["?", "this list"],
];

/** The list of keys. */
export function help() {
  const rows = KEYS.map(([keys, what]) => [el("dt", {}, el("kbd", {}, keys)), el("dd", {}, what)]);
  const dialog = open("Keyboard", el("dl", { class: "shortcuts" }, rows), [
    button("Close", { kind: "primary", onclick: () => dialog.close() }),
  ]);
}
