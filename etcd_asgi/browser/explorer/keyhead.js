// The facts that stand above a value: what etcd knows about its key.

import { size } from "./bytes.js";
import { button, el } from "./dom.js";
import { leaseName } from "./leaseclock.js";

const number = (count) => count.toLocaleString("en");
const fact = (name, ...value) => el("div", {}, el("dt", {}, name), el("dd", {}, value));

function leaseFact({ lease }, app) {
  const name = button(leaseName(lease), { kind: "inline mono", onclick: () => app.showLease(lease) });
  return fact("Lease", name, " ", app.may.lease ? app.clock.node(lease) : null);
}

/**
 * The facts of a key that is there, or was there before it was deleted. `gone` is null for one that is there, else
 * {revision}: the revision that deleted it, null while that is not known.
 */
export function facts(kv, { app, gone }) {
  const when = gone?.revision ? `in revision ${number(gone.revision)}` : "";
  return [
    gone ? el("div", { class: "gone" }, el("dt", { class: "badge danger" }, "deleted"), el("dd", {}, when)) : null,
    fact("Revision", number(kv.modified)),
    fact("Version", number(kv.version)),
    fact("Created in revision", number(kv.created)),
    fact("Size", size(kv.value.length)),
    kv.lease && !gone ? leaseFact(kv, app) : null,
  ];
}
