"""JSON values in a stream of bytes."""

from __future__ import annotations

import re

_EDGE = re.compile(rb'["{}\[\]]')
_IN_STRING = re.compile(rb'["\\]')
_SCALAR_END = re.compile(rb"[ \t\r\n\"{}\[\],:]")
_BLANKS = b" \t\r\n"


class FirstValue:
    """Finds the end of the first JSON value of a body that comes in pieces.

    Every byte is looked at once. Whether the value is right is the codec's to say: here only
    brackets and strings are told apart.
    """

    def __init__(self) -> None:
        self.body = bytearray()
        """All bytes so far."""

        self._at = 0
        self._depth = 0
        self._in_string = False

    def feed(self, piece: bytes) -> bool:
        """Add *piece*; true as soon as :attr:`body` holds a whole value."""
        self.body += piece
        if self._depth == 0 and not self._in_string:
            return self._feed_outside()
        return self._scan()

    def _feed_outside(self) -> bool:
        """Before the value, or within a number or a literal, which a delimiter ends."""
        start = len(self.body) - len(self.body.lstrip(_BLANKS))
        if start == len(self.body):
            return False
        if self.body[start] in b'{["':
            self._at = start
            return self._scan()
        return _SCALAR_END.search(self.body, start) is not None

    def _scan(self) -> bool:
        while edge := (_IN_STRING if self._in_string else _EDGE).search(self.body, self._at):
            byte, self._at = edge[0], edge.end()
            if byte == b"\\":
                if self._at == len(self.body):
                    self._at -= 1
                    return False
                self._at += 1
            elif byte == b'"':
                self._in_string = not self._in_string
            else:
                self._depth += 1 if byte in b"{[" else -1
            if self._depth <= 0 and not self._in_string:
                return True
        self._at = len(self.body)
        return False
