// What stands above a value: the key as a path of folders, and what etcd knows about it.

import { size } from "./bytes.js";
import { button, el } from "./dom.js";
import { leaseName } from "./leaseclock.js";
import { named } from "./treeview.js";

const number = (count) => count.toLocaleString("en");
const fact = (name, ...value) => el("div", {}, el("dt", {}, name), el("dd", {}, value));

/** A key with a button for each folder that it is in; `open(prefix)` is called with the one chosen. */
export function crumbs(key, open) {
  const folders = key.split("/");
  const name = folders.pop();
  let prefix = "";
  const nodes = folders.map((part) => {
    prefix += `${part}/`;
    const target = prefix;
    const crumb = { type: "button", class: "crumb", onclick: () => open(target) };
    return [el("button", crumb, named(part)), el("span", { class: "slash" }, "/")];
  });
  return [nodes, el("span", { class: "leaf" }, named(name))];
}

function leaseFact({ lease }, app) {
  const name = button(leaseName(lease), { kind: "inline mono", onclick: () => app.showLease(lease) });
  return fact("Lease", name, " ", app.may.lease ? app.clock.node(lease) : null);
}

/** The facts of a key that is there, or was there before it was deleted. */
export function facts(kv, { app, deleted }) {
  return [
    deleted ? el("div", { class: "badge danger" }, "deleted") : null,
    fact("Revision", number(kv.modified)),
    fact("Version", number(kv.version)),
    fact("Created at", number(kv.created)),
    fact("Size", size(kv.value.length)),
    kv.lease && !deleted ? leaseFact(kv, app) : null,
  ];
}
