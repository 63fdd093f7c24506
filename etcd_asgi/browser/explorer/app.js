// The explorer: a tree of keys at one side, one of them at the other. This file joins the parts.

import * as client from "../client.js";
import { AbsentKey } from "./absent.js";
import { background } from "./background.js";
import { deletionOf } from "./deleted.js";
import { confirm, help } from "./dialog.js";
import { button, fill } from "./dom.js";
import { gate } from "./gate.js";
import { abilities, readGrant } from "./grant.js";
import { LeaseClock } from "./leaseclock.js";
import { LeasePanel } from "./leases.js";
import { Live } from "./live.js";
import { NewKey } from "./newkey.js";
import { KeyPanel } from "./panel.js";
import { keyHash, leasesHash, newHash, parseHash } from "./route.js";
import { SearchField } from "./searchfield.js";
import { shortcuts } from "./shortcuts.js";
import { Status } from "./status.js";
import { Store } from "./store.js";
import { Summary } from "./summary.js";
import { themeButton } from "./themebutton.js";
import { Tree } from "./tree.js";
import { TreeView } from "./treeview.js";
import { kindOf } from "./trouble.js";

const $ = (id) => document.getElementById(id);
const told = ({ user, namespaced, rpcs }) => JSON.stringify([user, namespaced, rpcs && [...rpcs].sort()]);

/** Say that the page has begun, whatever it shows: what fails from now on is said by the page itself. */
function begun() {
  $("loading")?.remove();
  window.explorerStart?.begun(); // unless that script was held back
}

class App {
  may = abilities({ rpcs: new Set() });
  #grant = ""; // whose page this is
  #live;
  #tree;
  #view = new TreeView($("tree"));
  #status = new Status({ pill: $("pill"), banner: $("banner"), toast: $("toast") });
  #summary = new Summary(() => this.create());
  #field = new SearchField($("search"));
  #panel = null;
  #asked = 0; // counts what was asked to be shown, so that a late answer shows nothing

  constructor(store) {
    this.store = store;
    this.clock = new LeaseClock(store);
    this.#view.addEventListener("open", ({ detail }) => this.go(detail));
  }

  async start(grant) {
    this.may = abilities(grant);
    this.clock.namespaced = grant.namespaced;
    this.#grant = told(grant);
    $("user").textContent = grant.user;
    $("read-only").hidden = this.may.put || this.may.remove;
    $("new").hidden = !this.may.put;
    $("show-leases").hidden = !this.may.leases;
    $("gate").hidden = true;
    $("work").hidden = false;
    begun();
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

  /** Show the keys that begin with a prefix. */
  search(prefix) {
    if (this.#tree?.prefix === prefix) return;
    this.#tree = new Tree(this.store, prefix);
    this.#tree.addEventListener("change", () => this.#summary.draw(this.#tree, this.may.put));
    this.#tree.addEventListener("failed", ({ detail }) => this.#refused(detail));
    this.#view.show(this.#tree);
    this.#live.follow(this.#tree);
  }

  #event({ type, key, revision, kv }) {
    if (type === "put") this.#view.flash(key);
    if (this.#panel instanceof KeyPanel && this.#panel.key === key) this.#panel.take(kv, revision);
    if (this.#panel instanceof AbsentKey && this.#panel.key === key && kv) this.go(key);
  }

  /** The host's middleware may have ended the login. */
  #refused(error) {
    if (kindOf(error) === "login") this.lock(error);
  }

  #state({ state, error }) {
    if (error && kindOf(error) === "login") this.lock(error);
    else this.#status.state(state, error, () => this.#live.show());
    if (state === "live") {
      this.#again();
      this.#panel?.healed?.();
    }
  }

  // The key that is shown may lie outside of what is watched, or have changed while nobody watched.
  async #again() {
    const panel = this.#panel;
    if (!(panel instanceof KeyPanel)) return;
    try {
      await panel.read();
    } catch {
      // The banner says what is wrong.
    }
  }

  // ---- what is shown beside it --------------------------------------------------------------------

  /** Show a key. */
  go(key) {
    const hash = keyHash(key);
    if (location.hash === hash) this.#route();
    else location.hash = hash;
  }

  showLease(id) {
    location.hash = leasesHash(id);
  }

  create() {
    location.hash = newHash(this.#folder());
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
    const asked = ++this.#asked;
    try {
      const { name, value } = parseHash(location.hash);
      if (name === "key") await this.#showKey(value, asked);
      else if (name === "leases") this.#show(new LeasePanel(this, value));
      else if (name === "new" && this.may.put) this.#showNew(value);
      else this.#show(null);
    } catch (error) {
      if (asked === this.#asked) this.failed(error);
    }
  }

  async #showKey(key, asked) {
    const kv = await this.store.get(key);
    if (asked !== this.#asked) return;
    this.#status.dismiss();
    if (kv === null) return this.#showDeleted(key, asked);
    this.#showPanel(new KeyPanel(this, kv), key);
    await this.#tree.reveal(key);
    this.#view.reveal();
  }

  /** Show what was there before a key was deleted, or that there is no such key. */
  async #showDeleted(key, asked) {
    const absent = new AbsentKey(this, key);
    this.#show(absent);
    this.#live.attend(key);
    try {
      const found = await deletionOf(this.store, key, { mayWatch: this.may.watch });
      if (asked !== this.#asked) return;
      if (found === null) absent.miss();
      else this.#showPanel(new KeyPanel(this, found.kv, found.revision), key);
    } catch (error) {
      absent.fail(error);
      throw error;
    }
  }

  #showPanel(panel, key) {
    panel.addEventListener("folder", ({ detail }) => this.find(detail));
    this.#show(panel);
    this.#view.select(key);
    this.#live.attend(key);
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
    this.#live.attend(null);
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
  find(prefix) {
    this.#field.set(prefix);
    this.search(prefix);
    document.body.dataset.shows = "tree";
    $("tree").focus({ preventScroll: true });
  }

  // ---- for the parts -------------------------------------------------------------------------------

  /** A key was changed here: without a watch the tree learns it from this. */
  saved(key, kv) {
    if (this.may.watch || !this.#tree) return;
    const revision = kv?.modified ?? this.#tree.root.countRevision + 1n;
    this.#tree.take({ type: kv ? "put" : "delete", key, revision, kv, created: kv?.version === 1n });
  }

  say(text) {
    this.#status.say(text);
  }

  done(text) {
    this.#status.done(text);
  }

  failed(error, what = "") {
    if (kindOf(error) === "login") this.lock(error);
    else this.#status.failed(error, what);
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
    if (!$("gate").hidden) return;
    this.#live?.stop();
    gate(error, async () => {
      if (told(await readGrant(this.store)) !== this.#grant) {
        location.reload(); // somebody else has logged in: nothing of the former user is shown
        return;
      }
      $("gate").hidden = true;
      this.#refresh();
    });
  }

  #escape() {
    this.#status.dismiss();
    if (this.#panel?.editing) this.#panel.cancel();
    else if (document.activeElement !== $("tree")) $("tree").focus({ preventScroll: true });
  }

  // ---- keys and clicks ---------------------------------------------------------------------------------

  #listen() {
    background({ hide: () => this.#live.hide(), show: () => $("gate").hidden && this.#refresh() });
    addEventListener("hashchange", () => this.#route());
    shortcuts({
      escape: () => this.#escape(),
      save: () => this.#panel?.save?.(),
      create: () => this.may.put && this.create(),
      edit: () => this.#panel?.edit?.(),
      remove: () => this.#panel?.remove?.(),
      tab: (name) => this.#panel?.showTab?.(name),
    });
    addEventListener("beforeunload", (event) => {
      if (this.#panel?.dirty) event.preventDefault();
    });
    this.#field.addEventListener("search", ({ detail }) => this.search(detail));
    this.#field.addEventListener("done", () => $("tree").focus());
    $("refresh").addEventListener("click", () => this.#refresh());
    $("new").addEventListener("click", () => this.create());
    $("show-leases").addEventListener("click", () => {
      location.hash = leasesHash();
    });
  }

  async #refresh() {
    await Promise.all([this.#live.show(), this.#again()]);
  }
}

async function begin() {
  const store = new Store(client);
  const grant = await readGrant(store);
  await new App(store).start(grant);
}

async function main() {
  themeButton($("theme"));
  fill($("help"), button("Keyboard", { icon: "help", bare: true, kind: "quiet", onclick: help }));
  try {
    await begin();
  } catch (error) {
    gate(error, begin);
    begun();
  }
}

main();
