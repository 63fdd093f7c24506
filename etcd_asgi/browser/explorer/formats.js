// The three ways to look at a value, and to edit it: text, JSON, hex. A format gives the text to edit and turns the
// edited text into bytes again; nothing that was not edited changes on the way.

import { fromUtf8, utf8 } from "./bytes.js";
import { digits, parseDigits } from "./hex.js";
import { isCompact, isJson, isRoomy, jsonError, oneLine, pretty } from "./json.js";

// Text that a text field would not give back byte for byte, or that nobody can see.
const UNSEEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

const lonely = (text) => /\r(?!\n)/.test(text);
const mixed = (text) => /\r\n/.test(text) && /(^|[^\r])\n/.test(text);

/** The text of bytes where a text field can hold it unchanged, or null. */
export function editableText(bytes) {
  const text = utf8(bytes);
  return text === null || UNSEEN.test(text) || lonely(text) || mixed(text) ? null : text;
}

/** Bytes from which on a value is no longer laid out: the page would be busy with it for seconds. */
export const LARGE = 256 * 1024;

function jsonText(bytes) {
  const text = bytes.length < LARGE ? editableText(bytes) : null;
  return text !== null && isJson(text) ? text : null;
}

/** Which formats suit a value, the best first. */
export function formatsOf(bytes) {
  const found = [];
  if (jsonText(bytes) !== null) found.push("json");
  if (editableText(bytes) !== null) found.push("text");
  return [...found, "hex"];
}

const text = {
  label: "Text",
  edit: (bytes) => editableText(bytes).replaceAll("\r\n", "\n"),
  parse(edited, original) {
    const before = original === null ? null : editableText(original);
    return fromUtf8(before?.includes("\r\n") ? edited.replaceAll("\n", "\r\n") : edited);
  },
};

const json = {
  label: "JSON",
  edit(bytes) {
    const before = jsonText(bytes);
    return before !== null && isCompact(before) ? pretty(before) : text.edit(bytes);
  },
  // A value that was on one line stays on one line, whatever the layout in the editor.
  parse(edited, original) {
    const wrong = jsonError(edited);
    if (wrong) throw new Error(`This is not JSON: ${wrong}`);
    const before = original === null ? null : jsonText(original);
    if (before === null || !isCompact(before)) return text.parse(edited, original);
    if (edited === pretty(before)) return original;
    const end = before.match(/\s*$/)[0];
    return fromUtf8(oneLine(edited, isRoomy(before)) + end);
  },
};

const hex = { label: "Hex", edit: digits, parse: (edited) => parseDigits(edited) };

export const FORMATS = { text, json, hex };

/** Whether two values have the same bytes. */
export const same = (left, right) => left.length === right.length && left.every((byte, at) => byte === right[at]);
