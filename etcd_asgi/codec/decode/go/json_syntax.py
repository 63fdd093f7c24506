"""The syntax of JSON as Go's ``encoding/json`` checks it, with the texts of its errors.

Both dialects begin here: the gateway reads one raw value with ``json.Decoder`` and looks at the
fields afterwards, so a fault of syntax anywhere in the value comes before all other faults.

A value may be hostile, so nothing recurses, runs of small tokens are taken by one regular
expression, and no expression repeats a group without a bound: Python's engine keeps a record of
every repetition.

**Source:** Go encoding/json scanner.go (the state machine and its texts), stream.go
(Decoder.readValue: a value that ends early is an ``unexpected EOF``), decode.go (checkValid).
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from typing import NoReturn

from etcd_asgi.codec.decode.go.quote import quote_char
from etcd_asgi.errors import DecodeError

UNEXPECTED_EOF = "unexpected EOF"
"""The text of the error for a value that the end of the text cuts off."""

MAX_NESTING = 10_000
"""Objects and arrays within each other, of any kind, that encoding/json reads."""

_WS = r"[ \t\n\r]*"
_ESCAPE = r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})'
_CHARS = r'[^"\\\x00-\x1f]*'
_STRING = rf'"{_CHARS}(?:{_ESCAPE}{_CHARS}){{0,40}}"'
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_SCALAR = rf"(?:{_STRING}|{_NUMBER}|true|false|null|\[{_WS}\]|\{{{_WS}\}})"
_MEMBER = rf"{_STRING}{_WS}:{_WS}{_SCALAR}"
_SHALLOW = (
    rf"(?:{_SCALAR}"
    rf"|\[{_WS}{_SCALAR}{_WS}(?:,{_WS}{_SCALAR}{_WS}){{0,20}}\]"
    rf"|\{{{_WS}{_MEMBER}{_WS}(?:,{_WS}{_MEMBER}{_WS}){{0,20}}\}})"
)

_SPACE = re.compile(_WS)
_ELEMENTS = re.compile(rf"(?:{_WS}{_SHALLOW}{_WS},){{0,200}}{_WS}")
_MEMBERS = re.compile(rf"(?:{_WS}{_STRING}{_WS}:{_WS}{_SHALLOW}{_WS},){{0,200}}{_WS}")
SHALLOW = re.compile(_SHALLOW)
"""A value small and flat enough that :class:`Value` may not have its place."""
_EMPTY = re.compile(rf"\[{_WS}\]|\{{{_WS}\}}")
_CHUNK = re.compile(rf"{_CHARS}(?:{_ESCAPE}{_CHARS}){{0,1000}}")
_HEX = re.compile(r"[0-9a-fA-F]{0,4}")
_NUMBER_PARTS = re.compile(r"-?(0|[1-9][0-9]*)?(?:\.([0-9]*))?(?:[eE][+-]?([0-9]*))?")
_LITERALS = {"t": "true", "f": "false", "n": "null"}
_CLOSERS = {"{": "}", "[": "]"}


class EndOfInputError(Exception):
    """The text ended inside of the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A JSON value that is known to be well-formed.

    ``opens`` are the places of its objects and arrays (most of the small ones left out) in
    ascending order, ``closes`` the places after their ends.
    """

    text: str
    start: int
    end: int
    opens: array[int]
    closes: array[int]


def first_value(text: str) -> Value | None:
    """Find the first value of *text*; what follows it is not looked at. None: there is no value.

    Raises:
        DecodeError: it is not JSON.
    """
    start = skip_space(text, 0)
    if start == len(text):
        return None
    try:
        return _value(text, start)
    except EndOfInputError:
        raise DecodeError(UNEXPECTED_EOF) from None


def whole_value(text: str) -> Value:
    """Find the one value that *text* consists of.

    Raises:
        DecodeError: it is not JSON, or more than one value.
    """
    try:
        # At the end of the text, checkValid tries whether a space could follow.
        text = f"{text} "
        value = _value(text, skip_space(text, 0))
    except EndOfInputError:
        raise DecodeError("unexpected end of JSON input") from None
    rest = skip_space(text, value.end)
    if rest < len(text):
        _fault(text, rest, "after top-level value")
    return value


def skip_space(text: str, pos: int) -> int:
    """Find the first character from *pos* on that is no JSON whitespace."""
    match = _SPACE.match(text, pos)
    return match.end() if match else pos


def string_end(text: str, pos: int) -> int:
    """Find the place after the string that begins at *pos*."""
    pos += 1
    while (match := _CHUNK.match(text, pos)) and match.end() > pos:
        pos = match.end()
    if text[pos : pos + 1] != '"':
        _string_fault(text, pos)
    return pos + 1


def _value(text: str, start: int) -> Value:
    opens, closes = array("I"), array("I")
    end = _scan(text, start, opens, closes)
    return Value(text=text, start=start, end=end, opens=opens, closes=closes)


def _scan(text: str, pos: int, opens: array[int], closes: array[int]) -> int:
    stack: list[int] = []
    while True:
        char = text[pos : pos + 1]
        if char == "[" or char == "{":
            if len(stack) >= MAX_NESTING:
                _fault(text, pos, "exceeded max depth")
            if empty := _EMPTY.match(text, pos):
                pos = _close(text, empty.end(), stack, opens, closes)
            else:
                stack.append(len(opens))
                opens.append(pos)
                closes.append(0)
                pos += 1
        else:
            pos = _close(text, _scalar_end(text, pos, char), stack, opens, closes)
        if not stack:
            return pos
        pos = _to_value(text, pos, text[opens[stack[-1]]] == "{", len(stack))


def _close(text: str, pos: int, stack: list[int], opens: array[int], closes: array[int]) -> int:
    """Close all that ends after a value; give the place after the comma, or the end of it all."""
    while stack:
        char = text[pos : pos + 1]
        if char and char in " \t\n\r":
            pos = skip_space(text, pos)
            char = text[pos : pos + 1]
        pos += 1
        if char == ",":
            return pos
        opener = text[opens[stack[-1]]]
        if char != _CLOSERS[opener]:
            done = "object key:value pair" if opener == "{" else "array element"
            _fault(text, pos - 1, f"after {done}")
        closes[stack.pop()] = pos
    return pos


def _to_value(text: str, pos: int, in_object: bool, depth: int) -> int:
    """Pass over a run of simple values, to the value that has to be looked at next."""
    runs = _MEMBERS if in_object else _ELEMENTS
    if depth < MAX_NESTING - 2 and (match := runs.match(text, pos)):
        pos = match.end()
    else:
        pos = skip_space(text, pos)
    return _after_key(text, pos) if in_object else pos


def _after_key(text: str, pos: int) -> int:
    if text[pos : pos + 1] != '"':
        _fault(text, pos, "looking for beginning of object key string")
    pos = skip_space(text, string_end(text, pos))
    if text[pos : pos + 1] != ":":
        _fault(text, pos, "after object key")
    return skip_space(text, pos + 1)


def _scalar_end(text: str, pos: int, char: str) -> int:
    if char == '"':
        return string_end(text, pos)
    if char and char in "-0123456789":
        return _number_end(text, pos)
    word = _LITERALS.get(char)
    if word is None:
        _fault(text, pos, "looking for beginning of value")
    if not text.startswith(word, pos):
        _literal_fault(text, pos, word)
    return pos + len(word)


def _number_end(text: str, pos: int) -> int:
    match = _NUMBER_PARTS.match(text, pos)
    assert match is not None  # every part of the expression may be absent
    if match[1] is None:
        _fault(text, pos + 1, "in numeric literal")
    if match[2] == "":
        _fault(text, match.end(2), "after decimal point in numeric literal")
    if match[3] == "":
        _fault(text, match.end(3), "in exponent of numeric literal")
    return match.end()


def _literal_fault(text: str, pos: int, word: str) -> NoReturn:
    at = next(i for i, char in enumerate(word) if text[pos + i : pos + i + 1] != char)
    _fault(text, pos + at, f"in literal {word} (expecting '{word[at]}')")


def _string_fault(text: str, pos: int) -> NoReturn:
    """Report the fault of a string that is sound up to *pos*."""
    if text[pos : pos + 1] != "\\":
        _fault(text, pos, "in string literal")
    if text[pos + 1 : pos + 2] != "u":
        _fault(text, pos + 1, "in string escape code")
    digits = _HEX.match(text, pos + 2)
    _fault(text, digits.end() if digits else pos, r"in \u hexadecimal character escape")


def _fault(text: str, pos: int, context: str) -> NoReturn:
    if pos >= len(text):
        raise EndOfInputError
    raise DecodeError(f"invalid character {quote_char(text, pos)} {context}")
