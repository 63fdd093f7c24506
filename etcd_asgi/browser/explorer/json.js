// JSON laid out for reading without changing a digit of it: numbers and strings are copied as they are written, as
// JSON.parse would round 64-bit numbers and drop duplicate names.

const TOKEN = /\s*(?:("(?:[^"\\]|\\.)*")|(-?[0-9][0-9.eE+-]*)|(true|false|null)|([{}[\],:]))/gy;
const KINDS = ["string", "number", "word", "mark"];

/** Tokens of a valid JSON text: [{kind, text}]. */
function tokens(text) {
  const found = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match; match = TOKEN.exec(text)) {
    const group = match.slice(1).findIndex((part) => part !== undefined);
    found.push({ kind: KINDS[group], text: match[group + 1] });
  }
  return found;
}

/** Null, or what is wrong with a JSON text, for people. */
export function jsonError(text) {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return error.message;
  }
}

/** Whether a text is a JSON object or array: a lone number or word is shown as text. */
export function isJson(text) {
  return /^\s*[[{]/.test(text) && jsonError(text) === null;
}

/** The JSON text on one line: without spaces, or with one after each comma and colon. */
export function oneLine(text, roomy) {
  const gap = roomy ? " " : "";
  const put = ({ text: part }) => (part === "," || part === ":" ? part + gap : part);
  return tokens(text).map(put).join("");
}

/** Whether it is written without line breaks, so that saving should not add any. */
export const isCompact = (text) => !text.trim().includes("\n");

/** Whether a JSON text on one line has a space after its commas and colons. */
export const isRoomy = (text) => text.trim() === oneLine(text, true);

/** The JSON text in parts to show, two spaces to a level: [{kind, text}]; the texts together are the layout. */
export function layout(text) {
  const all = tokens(text);
  const found = [];
  let level = 0;
  const space = (content) => found.push({ kind: "space", text: content });
  const line = () => space(`\n${"  ".repeat(level)}`);
  all.forEach((token, at) => {
    const [before, after] = [all[at - 1]?.text, all[at + 1]?.text];
    const closes = token.text === "}" || token.text === "]";
    if (closes) level -= 1;
    if (closes && before !== "{" && before !== "[") line();
    const isName = token.kind === "string" && after === ":";
    found.push({ kind: isName ? "name" : token.kind, text: token.text });
    if (token.text === "{" || token.text === "[") {
      level += 1;
      if (after !== "}" && after !== "]") line();
    } else if (token.text === ",") line();
    else if (token.text === ":") space(" ");
  });
  return found;
}

/** The JSON text laid out over lines. */
export const pretty = (text) => layout(text).map((part) => part.text).join("");
