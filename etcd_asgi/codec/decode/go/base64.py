"""Base64 as Go's ``encoding/base64`` reads it, with the place of its errors.

Go skips CR and LF, minds padding, and does not mind bits left over in the last character.

**Source:** Go encoding/base64 base64.go (decodeQuantum).
"""

from __future__ import annotations

import re
from binascii import a2b_base64

_ALPHABET = re.compile(rb"[A-Za-z0-9+/\r\n]*")
_NEWLINES = re.compile(rb"[\r\n]*")
_DROP = b"\r\n"


class CorruptInputError(ValueError):
    """Not base64; *offset* is the place of the byte that Go finds fault with."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"illegal base64 data at input byte {offset}")
        self.offset = offset


def decode(source: bytes, *, padded: bool = True) -> bytes:
    """Decode *source*, in the alphabet with ``+`` and ``/``.

    Args:
        source: the encoded form.
        padded: whether the last group is filled up with ``=``; if not, ``=`` is an error.

    Raises:
        CorruptInputError: it is not base64.
    """
    end = _after(_ALPHABET, source, 0)
    digits = source[:end].translate(None, _DROP)
    spare = len(digits) % 4
    if end == len(source):
        if spare == 1 or (spare and padded):
            raise CorruptInputError(end - spare)
    elif source[end] != ord("=") or not padded:
        raise CorruptInputError(end)
    else:
        _check_padding(source, end, spare)
    return a2b_base64(digits + b"=" * (-spare % 4))


def _check_padding(source: bytes, pos: int, spare: int) -> None:
    """Check the padding from *pos* on, after *spare* characters of the last group."""
    if spare < 2:
        raise CorruptInputError(pos)
    pos += 1
    if spare == 2:
        pos = _after(_NEWLINES, source, pos)
        if pos == len(source):
            raise CorruptInputError(pos)
        if source[pos] != ord("="):
            raise CorruptInputError(pos - 1)
        pos += 1
    pos = _after(_NEWLINES, source, pos)
    if pos < len(source):
        raise CorruptInputError(pos)


def _after(pattern: re.Pattern[bytes], source: bytes, pos: int) -> int:
    match = pattern.match(source, pos)
    return match.end() if match else pos
