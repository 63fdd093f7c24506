// The keyboard, where no field and no dialog has it.

import { help } from "./dialog.js";

/** `actions`: escape(), save(), create(), edit(), remove(), tab(name). */
export function shortcuts(actions) {
  const letters = {
    "/": () => document.getElementById("search").select(),
    "?": help,
    n: actions.create,
    e: actions.edit,
    Delete: actions.remove,
    h: () => actions.tab("history"),
    v: () => actions.tab("value"),
  };
  addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    const [control, typing] = [event.ctrlKey || event.metaKey, event.target.closest("input, textarea")];
    let action = null;
    if (event.key === "Enter" && control) action = actions.save;
    else if (event.key === "Escape") action = actions.escape;
    else if (!control && !event.altKey && !typing && Object.hasOwn(letters, event.key)) action = letters[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
