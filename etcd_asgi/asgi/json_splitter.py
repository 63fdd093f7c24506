"""JSON values in a stream of bytes.

Source: Go encoding/json stream.go (Decoder), which grpc-gateway reads bodies with: values follow
each other with or without white space between them.
"""

from __future__ import annotations

import re

_EDGE = re.compile(rb'["{}\[\]]')
_IN_STRING = re.compile(rb'["\\]')
_BLANKS = re.compile(rb"[ \t\r\n]*")
_SCALAR_END = re.compile(rb"[ \t\r\n\"{}\[\],:]")
_OPENING = b'{["'


class Splitter:
    """A splitter of a body, which comes in chunks, into JSON values.

    Every byte is read once, for brackets and strings alone. The codec decides whether a value
    is valid: a stray bracket or comma is a value that it refuses.
    """

    def __init__(self) -> None:
        self._text = bytearray()
        self._start: int | None = None
        """Start of the value that has begun; ``None`` between values."""

        self._at = 0
        self._depth = 0
        self._in_string = False

    @property
    def pending(self) -> bytes:
        """The value that has begun and is not whole."""
        return bytes(self._text)

    @property
    def pending_bytes(self) -> int:
        """Its length."""
        return len(self._text)

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the values that *chunk* completes, in order."""
        self._text += chunk
        values = []
        while (end := self._end_of_value()) is not None:
            values.append(bytes(self._text[self._start : end]))
            self._start, self._at = None, end
        done = self._at if self._start is None else self._start
        del self._text[:done]
        self._at -= done
        if self._start is not None:
            self._start = 0
        return values

    def close(self) -> bytes:
        """Return the rest at the end: a number or literal, a part of a value, or nothing."""
        return bytes(self._text).strip(b" \t\r\n")

    def _end_of_value(self) -> int | None:
        if self._start is None and not self._begin():
            return None
        assert self._start is not None
        if self._text[self._start] in _OPENING:
            return self._end_of_nested()
        if self._text[self._start] in b",:}]":
            return self._start + 1
        end = _SCALAR_END.search(self._text, self._at)
        self._at = len(self._text)
        return end.start() if end else None

    def _begin(self) -> bool:
        """Skip white space; return True if a value begins."""
        blanks = _BLANKS.match(self._text, self._at)
        assert blanks is not None
        self._at = blanks.end()
        if self._at == len(self._text):
            return False
        self._start = self._at
        return True

    def _end_of_nested(self) -> int | None:
        while edge := (_IN_STRING if self._in_string else _EDGE).search(self._text, self._at):
            byte = edge[0]
            if byte == b"\\":
                if edge.end() == len(self._text):  # the escaped byte is in the next chunk
                    self._at = edge.start()
                    return None
                self._at = edge.end() + 1
                continue
            self._at = edge.end()
            if byte == b'"':
                self._in_string = not self._in_string
            else:
                self._depth += 1 if byte in b"{[" else -1
            if self._depth == 0 and not self._in_string:
                return self._at
        self._at = len(self._text)
        return None
