"""Characters and strings in quotes, as Go's error texts show them.

Texts here come from bytes by ``decode("utf-8", "surrogateescape")``: a byte that is not UTF-8 is
one code point from U+DC80 to U+DCFF, just as it is one character to Go.

**Source:** Go strconv quote.go (appendQuotedWith, IsPrint); encoding/json scanner.go (quoteChar).
"""

from __future__ import annotations

_SHORT = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}


class _Escapes(dict[int, str]):
    """A table for ``str.translate`` that grows with the characters met."""

    def __missing__(self, code: int) -> str:
        return self.setdefault(code, _escape(code))


def quote(text: str) -> str:
    r"""Put *text* between double quotes, everything that does not print as an escape.

    What prints is the Unicode table's matter; Go's and Python's may be of different years. Builds
    by Go 1.16 (etcd 3.5.1) write DEL as ``\u007f``, later ones as ``\x7f``, as is done here.
    """
    return f'"{text.translate(_Escapes())}"'


def quote_char(text: str, pos: int) -> str:
    """Quote the first byte of the character at *pos*, as encoding/json does an unexpected one."""
    first = text[pos].encode("utf-8", "surrogateescape")[0]
    if first == ord("'"):
        return r"'\''"
    if first == ord('"'):
        return "'\"'"
    return f"'{quote(chr(first))[1:-1]}'"


def _escape(code: int) -> str:
    char = chr(code)
    if char in _SHORT:
        return _SHORT[char]
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if char.isprintable():
        return char
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
