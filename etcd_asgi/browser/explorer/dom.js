// Elements made from script. Text goes in as text: nothing here ever reads HTML.

const SVG = "http://www.w3.org/2000/svg";

function set(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "class") node.className = value;
  else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else if (name in node && name !== "list" && !name.includes("-")) node[name] = value;
  else node.setAttribute(name, value === true ? "" : value);
}

/** An element: el("button", {class: "quiet", onclick}, "Save"). Children are nodes, texts, lists; null is nothing. */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) set(node, name, value);
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Give a node these children instead of those it has. */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const SHAPES = {
  chevron: "M6 4l4 4-4 4",
  folder: "M2 4.5a1 1 0 011-1h3l1.5 1.5H13a1 1 0 011 1V12a1 1 0 01-1 1H3a1 1 0 01-1-1z",
  key: "M5 3h4l3 3v7H5zM9 3v3h3",
  plus: "M8 3.5v9M3.5 8h9",
  back: "M10 4L6 8l4 4",
  copy: "M6 6h7v7H6zM10 6V3H3v7h3",
  refresh: "M13 8a5 5 0 11-1.5-3.5M13 2.5v2.5h-2.5",
  clock: "M8 3a5 5 0 100 10A5 5 0 008 3zM8 5.5V8l2 1.5",
  lock: "M4.5 7.5h7v5h-7zM6 7.5V5.5a2 2 0 014 0v2",
  sun: "M8 5.5a2.5 2.5 0 100 5 2.5 2.5 0 000-5zM8 1.8v1.4M8 12.8v1.4M1.8 8h1.4M12.8 8h1.4M3.6 3.6l1 1M11.4 11.4l1 1M12.4 3.6l-1 1M4.6 11.4l-1 1",
  moon: "M12.8 9.6A5.2 5.2 0 016.4 3.2 5.2 5.2 0 1012.8 9.6z",
  auto: "M8 2.8a5.2 5.2 0 100 10.4zM8 2.8a5.2 5.2 0 010 10.4",
  close: "M4 4l8 8M12 4l-8 8",
  trash: "M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.5 8.5h6l.5-8.5",
  pencil: "M3 13l.6-2.6L10.8 3.2l2 2-7.2 7.2z",
  warning: "M8 2.5L14 13H2zM8 6.5v3M8 11v.6",
  help: "M6 6a2 2 0 113 1.7c-.7.4-1 .8-1 1.6M8 11.5v.6",
  search: "M7 3a4 4 0 100 8 4 4 0 000-8zM10 10l3.5 3.5",
};

/** A small line drawing, for the eye alone: its button says in words what it does. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [attribute, value] of [["viewBox", "0 0 16 16"], ["class", `icon icon-${name}`], ["aria-hidden", "true"]]) {
    svg.setAttribute(attribute, value);
  }
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}

/** A button with an icon and a name; with `bare` the name is for screen readers and the tooltip. */
export function button(label, { icon: shape = null, bare = false, kind = "", ...properties } = {}) {
  const named = bare ? { "aria-label": label, title: properties.title ?? label } : {};
  return el(
    "button",
    { type: "button", class: `button ${kind} ${bare ? "bare" : ""}`.trim(), ...named, ...properties },
    shape ? icon(shape) : null,
    bare ? null : el("span", {}, label),
  );
}
