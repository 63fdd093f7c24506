// Bytes as a hex dump, and hex digits as bytes.

const COLUMNS = 16;
const hex2 = (code) => code.toString(16).padStart(2, "0");
const visible = (code) => (code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : ".");

/** Lines of a dump: [{offset, digits, text}]. */
export function dump(bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += COLUMNS) {
    const row = Array.from(bytes.subarray(at, at + COLUMNS));
    const halves = [row.slice(0, COLUMNS / 2), row.slice(COLUMNS / 2)];
    lines.push({
      offset: at.toString(16).padStart(8, "0"),
      digits: halves.map((half) => half.map(hex2).join(" ")).join("  ").padEnd(COLUMNS * 3, " "),
      text: row.map(visible).join(""),
    });
  }
  return lines;
}

/** Hex digits to edit, 16 bytes to a line. */
export function digits(bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += COLUMNS) {
    lines.push(Array.from(bytes.subarray(at, at + COLUMNS), hex2).join(" "));
  }
  return lines.join("\n");
}

/** The bytes that hex digits stand for. Throws an Error with a message for people. */
export function parseDigits(text) {
  const plain = text.replace(/\s+/g, "");
  const wrong = plain.match(/[^0-9a-fA-F]/);
  if (wrong) throw new Error(`“${wrong[0]}” is no hex digit.`);
  if (plain.length % 2) throw new Error("A byte has two hex digits; the last one has one.");
  const bytes = new Uint8Array(plain.length / 2);
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at] = Number.parseInt(plain.slice(at * 2, at * 2 + 2), 16);
  }
  return bytes;
}
