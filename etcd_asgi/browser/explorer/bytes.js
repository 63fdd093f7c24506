// Keys inside the explorer are "binary strings": one character (0 to 255) for each byte. They compare, slice and
// concatenate as bytes do, whatever the bytes are. Only this file turns them into text for people, and back.

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Bytes as a binary string. */
export function binary(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return text;
}

/** A binary string as bytes. */
export function unbinary(text) {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** UTF-8 text of bytes, or null where they are not valid UTF-8. */
export function utf8(bytes) {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}

export const fromUtf8 = (text) => encoder.encode(text);

/** The end of the range of all keys that begin with a prefix; "\0" means all keys to the last. */
export function rangeEnd(prefix) {
  for (let at = prefix.length - 1; at >= 0; at -= 1) {
    const code = prefix.charCodeAt(at);
    if (code < 0xff) return prefix.slice(0, at) + String.fromCharCode(code + 1);
  }
  return "\0";
}

// Characters that a reader cannot see, or that change how their neighbours are shown.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]|(?! )\p{Zs}/u;
const SHORT = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" };
const LONG = { n: "\n", r: "\r", t: "\t", "\\": "\\" };

const hex2 = (code) => code.toString(16).padStart(2, "0");
const escapedByte = (code) => `\\x${hex2(code)}`;

function escapedCharacter(character) {
  if (SHORT[character]) return SHORT[character];
  const code = character.codePointAt(0);
  return code < 0x80 ? escapedByte(code) : `\\u{${code.toString(16)}}`;
}

// How many bytes the UTF-8 character that begins here should have.
function width(lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) return 3;
  return lead < 0xf5 ? 4 : 0;
}

function characterAt(key, at) {
  const length = width(key.charCodeAt(at));
  if (length === 0 || at + length > key.length) return null;
  return utf8(unbinary(key.slice(at, at + length)));
}

/**
 * A binary string in parts to show: [{text, escaped}]. Every two different keys look different: a byte that is
 * no text is \x.., a character that cannot be seen is \u{..}, and a backslash is two.
 */
export function parts(key) {
  const found = [];
  const add = (text, escaped) => {
    const last = found.at(-1);
    if (last && last.escaped === escaped) last.text += text;
    else found.push({ text, escaped });
  };
  for (let at = 0; at < key.length; ) {
    const character = characterAt(key, at);
    if (character === null) {
      add(escapedByte(key.charCodeAt(at)), true);
      at += 1;
    } else {
      const edge = character === " " && (at === 0 || at === key.length - 1);
      const escaped = edge || character === "\\" || UNSEEN.test(character);
      add(escaped ? escapedCharacter(character) : character, escaped);
      at += fromUtf8(character).length;
    }
  }
  return found;
}

/** A binary string as text that says which bytes it has. */
export const shown = (key) => parts(key).map((part) => part.text).join("");

const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|u\{([0-9a-fA-F]{1,6})\}|([nrt\\]))/y;

/**
 * What a person typed as a key, as a binary string: the reverse of shown().
 * Throws an Error with a message for people.
 */
export function typed(text) {
  let key = "";
  for (let at = 0; at < text.length; ) {
    if (text[at] !== "\\") {
      const character = String.fromCodePoint(text.codePointAt(at));
      key += binary(fromUtf8(character));
      at += character.length;
      continue;
    }
    ESCAPE.lastIndex = at;
    const escape = ESCAPE.exec(text);
    if (!escape) throw new Error("A backslash begins \\\\, \\n, \\r, \\t, \\xHH or \\u{H}.");
    key += unescaped(escape);
    at = ESCAPE.lastIndex;
  }
  return key;
}

function unescaped([, byte, point, short]) {
  if (byte) return String.fromCharCode(Number.parseInt(byte, 16));
  if (short) return LONG[short];
  const code = Number.parseInt(point, 16);
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
    throw new Error(`\\u{${point}} is no character.`);
  }
  return binary(fromUtf8(String.fromCodePoint(code)));
}

/** A size for people: "1.5 KiB". */
export function size(count) {
  if (count < 1024) return `${count} B`;
  const units = ["KiB", "MiB", "GiB"];
  let [value, unit] = [count / 1024, 0];
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}
