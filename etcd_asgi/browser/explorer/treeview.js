// The tree on the page. Only the rows in sight are elements, all of one height, so a folder of thousands costs no
// more than one of ten. The list has the focus; aria-activedescendant names the active row.

import { parts, shown } from "./bytes.js";
import { el, icon } from "./dom.js";

const SPARE = 12; // rows drawn above and below what is in sight

/** Fires "open" with {key} when a key is chosen. */
export class TreeView extends EventTarget {
  #tree = null;
  #rows = [];
  #active = null; // the row's name, as in rows()
  #activeAt = -1;
  #selected = null; // the key that is shown beside the tree
  #flashes = new Set();
  #drawing = false;
  #drawn = new Map(); // row name -> {line, sign}: elements that are still right are kept

  constructor(list) {
    super();
    this.list = list;
    this.sheet = el("div", { class: "rows", role: "presentation" });
    list.replaceChildren(this.sheet);
    list.addEventListener("scroll", () => this.draw(), { passive: true });
    list.addEventListener("click", (event) => this.#click(event));
    list.addEventListener("keydown", (event) => this.#key(event));
    list.addEventListener("focus", () => this.#focus());
    new ResizeObserver(() => this.draw()).observe(list);
  }

  show(tree) {
    this.#tree = tree;
    tree.addEventListener("change", () => this.draw());
    this.list.scrollTop = 0;
    this.draw();
  }

  get rows() {
    return this.#rows;
  }

  /** Scroll to the active row. */
  reveal() {
    this.#paint();
    if (this.#activeAt >= 0) this.#reveal();
  }

  select(key) {
    this.#selected = key;
    if (key !== null) this.#active = `k:${key}`;
    this.draw();
  }

  /** Mark a key's row for a moment: it has just changed. */
  flash(key) {
    this.#flashes.add(`k:${key}`);
    this.draw();
  }

  /** Draw before the next frame, however often it is asked for. */
  draw() {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.#paint();
    });
  }

  #height() {
    return Number.parseFloat(getComputedStyle(this.list).getPropertyValue("--row")) || 26;
  }

  #paint() {
    if (!this.#tree) return;
    this.#rows = this.#tree.rows();
    this.#place();
    const height = this.#height();
    const first = Math.max(0, Math.floor(this.list.scrollTop / height) - SPARE);
    const last = Math.ceil((this.list.scrollTop + this.list.clientHeight) / height) + SPARE;
    this.sheet.style.height = `${this.#rows.length * height}px`;
    const wanted = [];
    for (let at = first; at < Math.min(last, this.#rows.length); at += 1) wanted.push(at);
    if (this.#activeAt >= last) wanted.push(this.#activeAt);
    else if (this.#activeAt >= 0 && this.#activeAt < first) wanted.unshift(this.#activeAt);
    this.#put(wanted.map((at) => this.#line(this.#rows[at], at, height)));
    this.#describe();
    this.#readOn(first, last);
  }

  // Where the active row is now. When it has gone, its neighbour is active; where "more" was, the first row of it.
  #place() {
    const more = this.#active?.startsWith("m:") && this.#activeAt < this.#rows.length;
    const at = more ? this.#activeAt : this.#rows.findIndex((row) => row.row === this.#active);
    if (more && at >= 0) this.#active = this.#rows[at].row;
    if (at < 0 && this.#activeAt >= 0 && this.#rows.length > 0 && this.#active !== `k:${this.#selected}`) {
      this.#activeAt = Math.min(this.#activeAt, this.#rows.length - 1);
      this.#active = this.#rows[this.#activeAt].row;
    } else this.#activeAt = at;
  }

  #describe() {
    const active = this.#activeAt < 0 ? null : `row-${this.#activeAt}`;
    if (active) this.list.setAttribute("aria-activedescendant", active);
    else this.list.removeAttribute("aria-activedescendant");
  }

  // A "more" row that comes in sight is read.
  #readOn(first, last) {
    for (const row of this.#rows.slice(first, last)) {
      if (row.kind === "more" && row.state === "more") this.#tree.more(row.folder);
    }
  }

  // Bring the elements into the page with as little change as can be: an element that is taken out while the mouse
  // is pressed on it gets no click.
  #put(lines) {
    const wanted = new Set(lines.map(({ line }) => line));
    for (const line of [...this.sheet.children]) if (!wanted.has(line)) line.remove();
    let next = this.sheet.firstChild;
    for (const { line } of lines) {
      if (line === next) next = next.nextSibling;
      else this.sheet.insertBefore(line, next);
    }
    this.#drawn = new Map(lines.map((drawn) => [drawn.row, drawn]));
  }

  #line(row, at, height) {
    const [active, selected] = [at === this.#activeAt, row.kind === "key" && row.id === this.#selected];
    const drawn = this.#drawn.get(row.row) ?? { row: row.row, line: element(row) };
    const sign = [at, height, row.level, row.place, row.total, row.parent.cursor === null, active, selected, row.open, row.count].join();
    if (drawn.sign !== sign) describe(drawn.line, row, { at, height, active, selected });
    const content = `${row.count} ${row.state}`;
    if (drawn.content !== content) drawn.line.replaceChildren(...(row.kind === "more" ? moreCells(row) : entryCells(row)));
    if (this.#flashes.delete(row.row)) flash(drawn.line);
    return Object.assign(drawn, { sign, content });
  }

  #click(event) {
    const line = event.target.closest(".row");
    const height = event.clientY - this.sheet.getBoundingClientRect().top;
    const row = this.#rows[line ? Number(line.dataset.at) : Math.floor(height / this.#height())];
    if (!row) return;
    this.#activate(row);
    this.#enter(row);
  }

  #activate(row) {
    this.#active = row.row;
    this.#activeAt = this.#rows.indexOf(row);
    this.#reveal();
    this.draw();
  }

  /** Open a folder or close it; show a key; read more. */
  #enter(row) {
    if (row.kind === "key") this.dispatchEvent(new CustomEvent("open", { detail: row.id }));
    else if (row.kind === "more") this.#tree.more(row.folder);
    else if (row.open) this.#tree.close(row.entry);
    else this.#tree.open(row.entry);
  }

  #focus() {
    if (this.#activeAt < 0 && this.#rows.length > 0) this.#activate(this.#rows[0]);
  }

  #reveal() {
    const height = this.#height();
    const top = this.#activeAt * height;
    const bottom = top + height - this.list.clientHeight;
    if (this.list.scrollTop > top) this.list.scrollTop = top;
    else if (this.list.scrollTop < bottom) this.list.scrollTop = bottom;
  }

  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || this.#rows.length === 0) return;
    const target = this.#target(event.key);
    if (target === undefined) return;
    event.preventDefault();
    if (target) this.#activate(target);
  }

  // The row that a key leads to; null when it does something else, undefined when it is not for the tree.
  #target(name) {
    const [rows, at] = [this.#rows, Math.max(0, this.#activeAt)];
    const pageful = Math.max(1, Math.floor(this.list.clientHeight / this.#height()) - 1);
    const clamp = (to) => rows[Math.min(rows.length - 1, Math.max(0, to))];
    switch (name) {
      case "ArrowDown": return clamp(this.#activeAt + 1);
      case "ArrowUp": return clamp(at - 1);
      case "PageDown": return clamp(at + pageful);
      case "PageUp": return clamp(at - pageful);
      case "Home": return clamp(0);
      case "End": return clamp(rows.length - 1);
      case "ArrowRight": return this.#right(rows[at], at);
      case "ArrowLeft": return this.#left(rows[at]);
      case "Enter":
      case " ": this.#enter(rows[at]); return null;
      default: return undefined;
    }
  }

  #right(row, at) {
    if (row.kind !== "folder") return null;
    if (row.open) return this.#rows[at + 1]?.level > row.level ? this.#rows[at + 1] : null;
    this.#tree.open(row.entry);
    return null;
  }

  #left(row) {
    if (row.kind === "folder" && row.open) {
      this.#tree.close(row.entry);
      return null;
    }
    return this.#rows.find((other) => other.kind === "folder" && other.entry === row.parent) ?? null;
  }
}

function element(row) {
  const label = row.kind === "more" ? null : `${shown(row.name)}${row.kind === "folder" ? "/" : ""}` || "(empty name)";
  return el("div", { class: `row ${row.kind}`, role: "treeitem", "aria-label": label });
}

// Where a row is, and what it is to the user.
function describe(line, row, { at, height, active, selected }) {
  line.id = `row-${at}`;
  line.dataset.at = at;
  line.classList.toggle("active", active);
  line.setAttribute("aria-level", row.level);
  line.setAttribute("aria-posinset", row.place);
  line.setAttribute("aria-setsize", row.parent.cursor === null ? row.total : -1);
  line.setAttribute("aria-selected", selected);
  if (row.kind === "folder") line.setAttribute("aria-expanded", row.open);
  // The count is no part of the row's name: style.css draws it, and it describes the row.
  if (row.count !== null && row.kind === "folder") {
    line.dataset.count = digits(row.count);
    line.setAttribute("aria-description", row.count === 1 ? "1 key" : `${digits(row.count)} keys`);
  }
  line.style.transform = `translateY(${at * height}px)`;
  line.style.setProperty("--level", row.level - 1);
}

const digits = (count) => count.toLocaleString("en");

// From the start, also where one is under way.
function flash(line) {
  line.classList.remove("flash");
  void line.offsetWidth;
  line.classList.add("flash");
}

/** A name as nodes: what is not text of its own is set apart. */
export function named(name) {
  return parts(name).map((part) => (part.escaped ? el("span", { class: "escape" }, part.text) : part.text));
}

function entryCells(row) {
  const folder = row.kind === "folder";
  const name = el("span", { class: "name", title: shown(row.id) });
  if (row.name === "") name.append(el("span", { class: "nameless" }, folder ? "" : "(empty name)"));
  else name.append(...named(row.name));
  if (folder) name.append(el("span", { class: "slash" }, "/"));
  const count = folder && row.count !== null ? el("span", { class: "count unseen" }, digits(row.count)) : null;
  return [folder ? icon("chevron") : el("span", { class: "dot" }), name, count].filter(Boolean);
}

const MORE = { loading: "Loading…", more: "More…", failed: "Could not be read. Try again" };

function moreCells(row) {
  return [el("span", { class: "dot none" }), el("span", { class: "name" }, MORE[row.state])];
}
