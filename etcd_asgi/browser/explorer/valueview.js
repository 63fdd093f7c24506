// A value to look at: as text, as JSON in colours, as a hex dump, or beside another one.

import { size, utf8 } from "./bytes.js";
import { diff } from "./diff.js";
import { button, el, fill } from "./dom.js";
import { editableText, FORMATS, LARGE } from "./formats.js";
import { dump } from "./hex.js";
import { isJson, layout, pretty } from "./json.js";

const SHOWN_BYTES = 64 * 1024; // a longer value is cut until somebody asks for all of it

const MANY_LINES = 1000; // of a comparison; a longer one is shown around its changes
const LONG_LINE = 4000; // characters
const CONTEXT = 5; // lines around a change

const UNSEEN = /([\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}]|(?! )\p{Zs})/u;

// Characters that cannot be seen, such as those that turn the direction of a line, as what they are.
function visible(text) {
  if (!UNSEEN.test(text)) return [text];
  return text.split(new RegExp(UNSEEN, "u")).map((part, at) =>
    at % 2 ? el("span", { class: "escape" }, `\\u{${part.codePointAt(0).toString(16)}}`) : part,
  );
}

const jsonNodes = (text) =>
  layout(text).map(({ kind, text: part }) =>
    kind === "space" || kind === "mark" ? part : el("span", { class: `json-${kind}` }, visible(part)),
  );

const hexNodes = (bytes) =>
  dump(bytes).map(({ offset, digits, text }) => [
    el("span", { class: "hex-offset" }, offset), `  ${digits}  `, el("span", { class: "hex-text" }, text), "\n",
  ]);

function nodes(bytes, format) {
  if (bytes.length === 0) return [el("span", { class: "faint" }, "(empty value)")];
  if (format === "hex") return hexNodes(bytes);
  const text = utf8(bytes) ?? "";
  return format === "json" ? jsonNodes(text) : visible(text);
}

// The beginning of a long value, cut between two characters.
function head(bytes) {
  let end = SHOWN_BYTES;
  while (end > SHOWN_BYTES - 4 && (bytes[end] & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}

/** A read-only view of a value in one of formatsOf(bytes). */
export function valueView(bytes, format) {
  const view = el("pre", { class: `value value-${format}`, tabindex: "0", role: "region", "aria-label": "Value" });
  if (bytes.length <= SHOWN_BYTES) return fill(view, nodes(bytes, format));
  const rest = button(`Show all ${size(bytes.length)}`, {
    kind: "inline",
    onclick: () => fill(view, nodes(bytes, format)),
  });
  // Half a JSON text is none: it is shown as text.
  return fill(view, nodes(head(bytes), format === "json" ? "text" : format), "\n", rest);
}

/** The text of a value that is compared with that of another: laid out JSON, text, or a dump. */
function comparable(bytes) {
  const text = editableText(bytes);
  if (text !== null) return bytes.length < LARGE && isJson(text) ? pretty(text) : text;
  return dump(bytes).map(({ digits, text: side }) => `${digits}  ${side}`).join("\n");
}

function changeLine({ kind, text }) {
  const rest = text.length - LONG_LINE;
  const shown = rest > 0 ? `${text.slice(0, LONG_LINE)} … ${rest.toLocaleString("en")} characters more` : text;
  return el("span", { class: `line ${kind}` }, visible(shown || " "));
}

const folded = (count) => el("span", { class: "line folded" }, `… ${count.toLocaleString("en")} lines …`);

// The lines as elements; of long texts only what is near a change, and the beginning.
function changeLines(lines) {
  if (lines.length <= MANY_LINES) return lines.map(changeLine);
  const near = new Uint8Array(lines.length).fill(1, 0, CONTEXT);
  lines.forEach(({ kind }, at) => kind !== "same" && near.fill(1, Math.max(0, at - CONTEXT), at + CONTEXT + 1));
  const nodes = [];
  for (let at = 0; at < lines.length && nodes.length < MANY_LINES; at += 1) {
    const end = near[at] ? at : near.indexOf(1, at);
    const skipped = (end < 0 ? lines.length : end) - at;
    nodes.push(skipped ? folded(skipped) : changeLine(lines[at]));
    at += Math.max(0, skipped - 1);
  }
  return nodes.length < MANY_LINES ? nodes : [...nodes, el("span", { class: "line folded" }, "… and more")];
}

/** A value with what has changed since the one before it; `before` may be null. */
export function changesView(before, bytes) {
  const lines = before === null
    ? comparable(bytes).split("\n").map((text) => ({ kind: "same", text }))
    : diff(comparable(before), comparable(bytes));
  return el("pre", { class: "value changes", tabindex: "0", role: "region", "aria-label": "Value and changes" }, changeLines(lines));
}

/** Two values for two columns, each with the lines marked that the other has not. */
export function sides(left, right) {
  const lines = diff(comparable(left), comparable(right));
  const side = (label, other) =>
    el("pre", { class: "value changes", tabindex: "0", role: "region", "aria-label": label },
      changeLines(lines.filter(({ kind }) => kind !== other)));
  return [side("Value in etcd", "added"), side("Your value", "removed")];
}

/** A switch between formats: `choose(name)` is called with the one chosen. */
export function formatSwitch(offered, current, choose) {
  const one = (name) => el("button", {
    type: "button",
    class: "segment",
    "aria-pressed": String(name === current),
    disabled: !offered.includes(name),
    title: offered.includes(name) ? null : `This value is not ${FORMATS[name].label}`,
    onclick: () => choose(name),
  }, FORMATS[name].label);
  return el("div", { class: "segments", role: "group", "aria-label": "Show as" }, Object.keys(FORMATS).map(one));
}

