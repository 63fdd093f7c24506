"""The wire form of protobuf: types of values, tags, and numbers.

Source: protobuf.dev, Encoding.
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5
"""Types of values; two of groups, which nobody uses any more, are left out."""

MORE = 0x80
"""The bit of a byte that says that the number goes on. Smaller numbers are one byte."""

ONE_BYTE = tuple(bytes((number,)) for number in range(MORE))
"""The numbers that are one byte."""


_FIXED_BYTES = {FIXED64: 8, FIXED32: 4}

_MAX_NUMBER = 2**29 - 1
"""The largest number of a field."""

_MAX_VARINT_BYTES = 10
"""64 bits, seven in each byte."""

Field = tuple[int, int, int | None, int]
"""Number, start, start of the content if it has a length, and end."""


class Malformed(ValueError):
    """Bytes that are not the wire form of a message, or use groups."""


def tag(number: int, wire_type: int) -> bytes:
    """Encode the tag, which stands before the value of a field."""
    return varint(number << 3 | wire_type)


def varint(number: int) -> bytes:
    """Encode a number, seven bits a byte, the lowest first; a negative one as its 64 bits."""
    if 0 <= number < MORE:
        return ONE_BYTE[number]
    number &= 2**64 - 1
    digits = []
    while number >= MORE:
        digits.append(number & (MORE - 1) | MORE)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def fields(data: bytes, at: int = 0, end: int | None = None) -> Iterator[Field]:
    """Iterate over the fields of the serialized message in ``data[at:end]``.

    Raises:
        Malformed: while iterating.
    """
    end = len(data) if end is None else end
    while at < end:
        start = at
        key, at = read_varint(data, at)
        kind, content = key & 7, None
        if not 0 < key >> 3 <= _MAX_NUMBER:
            raise Malformed(f"no protobuf message: field number {key >> 3}")
        if kind == VARINT:
            _, at = read_varint(data, at)
        elif kind == DELIMITED:
            length, content = read_varint(data, at)
            at = content + length
        elif kind in _FIXED_BYTES:
            at += _FIXED_BYTES[kind]
        else:
            raise Malformed(f"no protobuf message: wire type {kind}")
        if at > end:
            raise Malformed("no protobuf message: a field is cut off")
        yield key >> 3, start, content, at


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at *at*, and its end.

    Raises:
        Malformed: the data ends within it, or it is longer than any number.
    """
    value = shift = 0
    end = min(len(data), at + _MAX_VARINT_BYTES)
    while at < end:
        byte = data[at]
        value |= (byte & (MORE - 1)) << shift
        at, shift = at + 1, shift + 7
        if byte < MORE:
            return value, at
    raise Malformed("no protobuf message: a number is cut off or too long")
