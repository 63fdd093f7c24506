// The explorer: a tree of keys at one side, one of them at the other. This file joins the parts.

import { shown, typed } from "./bytes.js";
import { confirm, help } from "./dialog.js";
import { button, el, fill } from "./dom.js";
import { abilities, readGrant } from "./grant.js";
import { LeaseClock } from "./leaseclock.js";
import { LeasePanel } from "./leases.js";
import { Live } from "./live.js";
import { NewKey } from "./newkey.js";
import { KeyPanel } from "./panel.js";
import { Status } from "./status.js";
import { Store } from "./store.js";
import { Tree } from "./tree.js";
import { TreeView } from "./treeview.js";
import { kindOf, trouble } from "./trouble.js";

const TYPING = 150; // milliseconds after which what was typed is searched for
const $ = (id) => document.getElementById(id);

class App {
  may = abilities({ rpcs: new Set() });
  #live;
  #tree;
  #view = new TreeView($("tree"));
  #status = new Status({ pill: $("pill"), banner: $("banner"), toast: $("toast") });
  #panel = null;
  #asked = 0; // counts what was asked to be shown, so that a late answer shows nothing

  constructor(store) {
    this.store = store;
    this.clock = new LeaseClock(store);
    this.#view.addEventListener("open", ({ detail }) => this.go(detail));
  }

  async start(grant) {
    this.may = abilities(grant);
    $("user").textContent = grant.user;
    $("read-only").hidden = this.may.put || this.may.remove;
    $("new").hidden = !this.may.put;
    $("show-leases").hidden = !this.may.leases;
    $("gate").hidden = true;
    $("work").hidden = false;
    this.#live = new Live(this.store, this.may.watch);
    this.#live.addEventListener("event", ({ detail }) => this.#event(detail));
    this.#live.addEventListener("reset", () => this.#again());
    this.#live.addEventListener("state", ({ detail }) => this.#state(detail));
    this.#listen();
    this.search("");
    await this.#route();
    if (!this.#panel) $("tree").focus({ preventScroll: true });
  }

  // ---- the tree -----------------------------------------------------------------------------

  /** Show the keys that begin with what was typed. */
  search(text) {
    let prefix;
    try {
      prefix = typed(text);
    } catch (error) {
      $("search").setAttribute("aria-invalid", "true");
      $("search").title = error.message;
      return;
    }
    $("search").removeAttribute("aria-invalid");
    $("search").title = "";
    if (this.#tree?.prefix === prefix) return;
    this.#tree = new Tree(this.store, prefix);
    this.#tree.addEventListener("change", () => this.#summary());
    this.#tree.addEventListener("failed", ({ detail }) => this.#refused(detail));
    this.#view.show(this.#tree);
    this.#live.follow(this.#tree);
  }

  #summary() {
    const { root, prefix } = this.#tree;
    const count = root.count === null ? "" : `${root.count.toLocaleString("en")} ${root.count === 1 ? "key" : "keys"}`;
    $("count").textContent = count;
    $("base").textContent = root.id ? shown(root.id) : "";
    const empty = root.loaded && root.entries.length === 0 && root.cursor === null;
    $("no-keys").hidden = !empty;
    if (!empty) return;
    fill($("no-keys"), el("p", {}, prefix ? "No key begins with this." : "There are no keys yet."),
      this.may.put ? button("New key", { icon: "plus", kind: "primary", onclick: () => this.create() }) : null);
  }

  #event({ type, key, revision, kv }) {
    if (type === "put") this.#view.flash(key);
    if (this.#panel instanceof KeyPanel && this.#panel.key === key) this.#panel.take(kv, revision);
  }

  /** The host's middleware may have ended the login. */
  #refused(error) {
    if (kindOf(error) === "login") this.lock(error);
  }

  #state({ state, error }) {
    if (error && kindOf(error) === "login") this.lock(error);
    else this.#status.state(state, error, () => this.#live.follow(this.#tree));
    if (state === "live") this.#again();
  }

  // The key that is shown may lie outside of what is watched, or have changed while nobody watched.
  async #again() {
    const panel = this.#panel;
    if (!(panel instanceof KeyPanel)) return;
    try {
      const { kvs, revision } = await this.store.range({ key: panel.key, end: `${panel.key}\0`, limit: 1 });
      panel.take(kvs[0] ?? null, kvs[0]?.modified ?? revision);
    } catch {
      // The banner says what is wrong.
    }
  }

  // ---- what is shown beside it --------------------------------------------------------------------

  /** Show a key. */
  go(key) {
    const hash = `#key=${encodeURIComponent(shown(key))}`;
    if (location.hash === hash) this.#route();
    else location.hash = hash;
  }

  showLease(id) {
    location.hash = `#leases=${id}`;
  }

  create() {
    location.hash = `#new=${encodeURIComponent(shown(this.#folder()))}`;
  }

  #folder() {
    if (this.#panel instanceof KeyPanel) return this.#panel.key.slice(0, this.#panel.key.lastIndexOf("/") + 1);
    return this.#tree.prefix;
  }

  #leave() {
    location.hash = "";
  }

  async #route() {
    if (this.#panel?.dirty && !(await confirm("Discard your changes?", "What you have typed is not saved.", "Discard"))) {
      history.replaceState(null, "", this.#panel.hash);
      return;
    }
    const { name, value } = parseHash(location.hash);
    const asked = ++this.#asked;
    try {
      if (name === "key") await this.#showKey(typed(value), asked);
      else if (name === "leases") this.#show(new LeasePanel(this, value ? BigInt(value) : null));
      else if (name === "new" && this.may.put) this.#showNew(typed(value));
      else this.#show(null);
    } catch (error) {
      if (asked === this.#asked) this.failed(error);
    }
  }

  async #showKey(key, asked) {
    const kv = await this.store.get(key);
    if (asked !== this.#asked) return;
    if (kv === null) {
      this.#show(null);
      this.failed(new Error(`There is no key ${shown(key)}.`));
      return;
    }
    this.#status.dismiss();
    const panel = new KeyPanel(this, kv);
    panel.addEventListener("folder", ({ detail }) => this.find(shown(detail)));
    this.#show(panel);
    this.#view.select(key);
  }

  #showNew(folder) {
    const panel = new NewKey(this, folder);
    panel.addEventListener("made", ({ detail }) => this.#made(detail));
    this.#show(panel);
    panel.focus();
  }

  async #made(key) {
    this.#panel = null; // what was typed is saved
    this.go(key);
    if (!this.may.watch) this.saved(key, await this.store.get(key));
  }

  #show(panel) {
    this.#panel = panel;
    this.#view.select(null);
    document.body.dataset.shows = panel ? "panel" : "tree";
    fill($("detail"), panel ? panel.node : $("welcome").content.cloneNode(true));
    if (!panel) return;
    panel.hash = location.hash;
    panel.addEventListener("left", () => this.#left());
    panel.addEventListener("open", ({ detail }) => this.go(detail));
  }

  #left() {
    if (this.#panel instanceof NewKey) this.#panel = null; // it has asked
    this.#leave();
    $("tree").focus({ preventScroll: true });
  }

  /** Search for a prefix and say so in the field. */
  find(text) {
    $("search").value = text;
    this.search(text);
    document.body.dataset.shows = "tree";
    $("tree").focus({ preventScroll: true });
  }

  // ---- for the parts -------------------------------------------------------------------------------

  /** A key was changed here: without a watch the tree learns it from this. */
  saved(key, kv) {
    if (this.may.watch || !this.#tree) return;
    const revision = kv?.modified ?? this.#tree.root.countRevision;
    this.#tree.take({ type: kv ? "put" : "delete", key, revision, kv, created: kv?.version === 1n });
  }

  say(text) {
    this.#status.say(text);
  }

  failed(error) {
    if (kindOf(error) === "login") this.lock(error);
    else this.#status.failed(error);
  }

  async copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      this.say("Copied");
    } catch {
      this.say("The browser does not allow copying");
    }
  }

  /** Nobody is logged in (any more): say so, and go on when somebody is. */
  lock(error) {
    this.#live?.stop();
    gate(error, async () => {
      await readGrant(this.store);
      $("gate").hidden = true;
      this.#live.follow(this.#tree);
      this.#again();
    });
  }

  // ---- keys and clicks ---------------------------------------------------------------------------------

  #listen() {
    addEventListener("hashchange", () => this.#route());
    addEventListener("keydown", (event) => this.#key(event));
    addEventListener("beforeunload", (event) => {
      if (this.#panel?.dirty) event.preventDefault();
    });
    let timer = 0;
    $("search").addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.search($("search").value), TYPING);
    });
    $("search").addEventListener("keydown", (event) => this.#searchKey(event));
    $("refresh").addEventListener("click", () => this.#live.follow(this.#fresh()));
    $("new").addEventListener("click", () => this.create());
    $("show-leases").addEventListener("click", () => {
      location.hash = "#leases";
    });
  }

  // All as new, with the folders that are open.
  #fresh() {
    this.#tree.reload();
    this.#again();
    return this.#tree;
  }

  #searchKey(event) {
    if (event.key === "Escape") {
      event.stopPropagation();
      if ($("search").value) this.find("");
      else $("tree").focus();
    } else if (event.key === "Enter" || event.key === "ArrowDown") {
      event.preventDefault();
      this.search($("search").value);
      $("tree").focus();
    }
  }

  #key(event) {
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#panel?.save?.();
    else if (event.key === "Escape") this.#escape(event);
    else if (!event.ctrlKey && !event.metaKey && !event.altKey && !event.target.closest("input, textarea")) this.#letter(event);
  }

  #escape(event) {
    event.preventDefault();
    this.#status.dismiss();
    if (this.#panel?.editing) this.#panel.cancel();
    else if (document.activeElement !== $("tree")) $("tree").focus({ preventScroll: true });
  }

  #letter(event) {
    const panel = this.#panel instanceof KeyPanel ? this.#panel : null;
    const actions = {
      "/": () => $("search").select(),
      n: () => this.may.put && this.create(),
      "?": help,
      e: () => panel?.edit(),
      Delete: () => panel?.remove(),
      h: () => panel?.showTab("history"),
      v: () => panel?.showTab("value"),
    };
    if (!Object.hasOwn(actions, event.key)) return;
    event.preventDefault();
    actions[event.key]();
  }
}

function parseHash(hash) {
  const [name, ...value] = hash.slice(1).split("=");
  return { name, value: decodeURIComponent(value.join("=")) };
}

// ---- before the work can begin ----------------------------------------------------------------------------

// A page that says why nothing is shown; `again` is tried when the user asks, and when they come back.
function gate(error, again) {
  const { title, detail, kind } = trouble(error);
  const attempt = async () => {
    retry.disabled = true;
    try {
      await again();
      removeEventListener("focus", attempt);
    } catch (latest) {
      retry.disabled = false;
      if (trouble(latest).detail !== detail) gate(latest, again);
    }
  };
  const retry = button("Try again", { kind: "primary", onclick: attempt });
  const advice = kind === "login"
    ? "This page uses the login of the application around it. Log in there; this page goes on when you come back."
    : "";
  fill($("gate"), el("div", { class: "gate-card" },
    el("h1", {}, title), el("p", { class: "said" }, detail), advice && el("p", {}, advice),
    el("div", { class: "actions" }, retry,
      kind === "login" ? el("a", { class: "button", href: "/" }, "To the application") : null)));
  $("gate").hidden = false;
  addEventListener("focus", attempt);
}

function themeButton() {
  const node = $("theme");
  const draw = () => {
    const { choice } = window.explorerTheme;
    const shape = { auto: "auto", light: "sun", dark: "moon" }[choice];
    fill(node, button(`Theme: ${choice}`, {
      icon: shape, bare: true, kind: "quiet",
      onclick: () => {
        window.explorerTheme.next();
        draw();
        node.firstChild.focus();
      },
    }));
  };
  draw();
}

async function begin() {
  const store = new Store(await import("../client.js"));
  const grant = await readGrant(store);
  await new App(store).start(grant);
}

async function main() {
  themeButton();
  fill($("help"), button("Keyboard", { icon: "help", bare: true, kind: "quiet", onclick: help }));
  try {
    await begin();
  } catch (error) {
    gate(error, begin);
  }
}

main();
