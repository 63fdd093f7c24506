"""Walks over a JSON value that is known to be well-formed."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from etcd_asgi.codec.decode.go.json_syntax import SHALLOW, Value, skip_space, string_end

_WS = r"[ \t\n\r]*"
_STRING = r'"[^"\\]*(?:\\.[^"\\]*){0,20}"'
_BARE = re.compile(r"[-+.0-9a-zA-Z]+")
_NAME = re.compile(rf"({_STRING}){_WS}:{_WS}")
_SIMPLE = re.compile(rf"({_STRING}|{_BARE.pattern}){_WS}([,\]}}]){_WS}")
_NEXT = re.compile(rf"{_WS}([,\]}}]){_WS}")

Span = tuple[int, int]
"""Start and end of a token or value."""


def members(value: Value, pos: int) -> Iterator[tuple[Span, Span]]:
    """Iterate over the members of the object at *pos*: spans of name, quotes included, and value.

    Duplicates come as often as they stand there.
    """
    text = value.text
    pos = skip_space(text, pos + 1)
    more = text[pos] != "}"
    while more:
        if match := _NAME.match(text, pos):
            name, start = match.span(1), match.end()
        else:
            name = pos, string_end(text, pos)
            start = skip_space(text, skip_space(text, name[1]) + 1)
        span, pos, more = _one(value, start)
        yield name, span


def elements(value: Value, pos: int) -> Iterator[Span]:
    """Iterate over the elements of the array at *pos*."""
    pos = skip_space(value.text, pos + 1)
    more = value.text[pos] != "]"
    while more:
        span, pos, more = _one(value, pos)
        yield span


def strings(value: Value, span: Span) -> Iterator[Span]:
    """Iterate over all strings within *span*, names too, at any depth."""
    pos, end = span
    while (pos := value.text.find('"', pos, end)) >= 0:
        start, pos = pos, string_end(value.text, pos)
        yield start, pos


def _one(value: Value, start: int) -> tuple[Span, int, bool]:
    """Find the end of the value at *start*, where the next begins, and if there is one."""
    if simple := _SIMPLE.match(value.text, start):
        return simple.span(1), simple.end(), simple[2] == ","
    end = _end(value, start)
    match = _NEXT.match(value.text, end)
    assert match is not None  # the value is well-formed
    return (start, end), match.end(), match[1] == ","


def _end(value: Value, pos: int) -> int:
    text = value.text
    char = text[pos]
    if char == '"':
        return string_end(text, pos)
    if char == "{" or char == "[":
        index = bisect_left(value.opens, pos)
        if index < len(value.opens) and value.opens[index] == pos:
            return value.closes[index]
        match = SHALLOW.match(text, pos)
    else:
        match = _BARE.match(text, pos)
    assert match is not None  # the value is well-formed
    return match.end()
