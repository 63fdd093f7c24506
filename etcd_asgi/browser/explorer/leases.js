// All leases: what each has left, and which keys live by it.

import { shown } from "./bytes.js";
import { confirm } from "./dialog.js";
import { button, el, fill } from "./dom.js";
import { duration, leaseName } from "./leaseclock.js";
import { named } from "./treeview.js";

const PAGE = 50;
const KEYS_SHOWN = 100;

/** Fires "left", and "open" with a key. */
export class LeasePanel extends EventTarget {
  #app;
  #wanted; // the lease that was asked for, or null
  #ids = [];
  #shown = [];
  #list = el("ul", { class: "leases", "aria-label": "Leases" });
  #count = el("span", { class: "faint" });

  constructor(app, wanted = null) {
    super();
    this.#app = app;
    this.#wanted = wanted;
    this.node = el("article", { class: "panel", "aria-label": "Leases" },
      el("header", { class: "panel-head" },
        button("Back to the keys", { icon: "back", bare: true, kind: "back", onclick: () => this.dispatchEvent(new Event("left")) }),
        el("h1", { class: "path" }, el("span", { class: "leaf" }, "Leases"), " ", this.#count),
        button("Read again", { icon: "refresh", bare: true, kind: "quiet", onclick: () => this.read() })),
      el("div", { class: "body" }, this.#list));
    this.read();
  }

  editing = false;
  dirty = false;

  async read() {
    fill(this.#list, el("li", { class: "empty" }, "Reading…"));
    try {
      this.#ids = this.#app.may.leases ? await this.#app.store.leases() : [this.#wanted].filter(Boolean);
    } catch (error) {
      fill(this.#list, el("li", { class: "empty" }, error.message));
      this.#app.failed(error);
      return;
    }
    if (this.#wanted) this.#ids = [this.#wanted, ...this.#ids.filter((id) => id !== this.#wanted)];
    this.#count.textContent = this.#ids.length.toLocaleString("en");
    this.#shown = [];
    fill(this.#list, this.#ids.length ? null : el("li", { class: "empty" }, "There are no leases."));
    await this.#more();
  }

  async #more() {
    const ids = this.#ids.slice(this.#shown.length, this.#shown.length + PAGE);
    this.#list.querySelector(".more")?.remove();
    const answers = await Promise.all(ids.map((id) => this.#ask(id)));
    this.#shown.push(...ids);
    this.#list.append(...answers.filter(Boolean).map((lease) => this.#item(lease)));
    const rest = this.#ids.length - this.#shown.length;
    if (rest > 0) this.#list.append(el("li", { class: "more" }, button(`More (${rest})`, { kind: "inline", onclick: () => this.#more() })));
  }

  async #ask(id) {
    try {
      const lease = await this.#app.store.lease(id, { keys: true });
      this.#app.clock.learn(lease);
      return lease;
    } catch (error) {
      return { id, error };
    }
  }

  #item(lease) {
    const wanted = lease.id === this.#wanted ? "lease wanted" : "lease";
    if (lease.error || lease.ttl < 0) {
      return el("li", { class: wanted }, el("div", { class: "lease-head" },
        el("span", { class: "mono" }, leaseName(lease.id)), el("span", { class: "faint" }, lease.error?.message ?? this.#app.clock.absence)));
    }
    const item = el("li", { class: wanted },
      el("div", { class: "lease-head" },
        el("span", { class: "mono", title: lease.id.toString() }, leaseName(lease.id)),
        this.#app.clock.node(lease.id),
        el("span", { class: "faint" }, `of ${duration(lease.granted)}`),
        el("span", { class: "space" }),
        this.#app.may.revoke
          ? button("Revoke", { kind: "danger", onclick: () => this.#revoke(lease, item) })
          : null),
      this.#keys(lease));
    return item;
  }

  #keys({ keys }) {
    if (keys.length === 0) return el("p", { class: "faint" }, "no keys");
    const rest = keys.length - KEYS_SHOWN;
    return el("ul", { class: "lease-keys" },
      keys.sort().slice(0, KEYS_SHOWN).map((key) => el("li", {}, el("button", {
        type: "button", class: "crumb mono", title: shown(key),
        onclick: () => this.dispatchEvent(new CustomEvent("open", { detail: key })),
      }, named(key)))),
      rest > 0 ? el("li", { class: "faint" }, `and ${rest} more`) : null);
  }

  async #revoke({ id, keys }, item) {
    const many = keys.length === 1 ? "1 key" : `${keys.length} keys`;
    if (!(await confirm("Revoke this lease?", `${leaseName(id)} ends, and ${many} with it.`, "Revoke"))) return;
    try {
      await this.#app.store.revoke(id);
      item.remove();
      this.#app.done("Revoked");
    } catch (error) {
      this.#app.failed(error, "Not revoked");
    }
  }
}
