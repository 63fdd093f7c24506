"""The wire form of protobuf: types of values, tags, and numbers.

Source: protobuf.dev, Encoding.
"""

from __future__ import annotations

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5
"""Types of values; two of groups, which nobody uses any more, are left out."""

MORE = 0x80
"""The bit of a byte that says that the number goes on. Smaller numbers are one byte."""

ONE_BYTE = tuple(bytes((number,)) for number in range(MORE))
"""The numbers that are one byte."""


def tag(number: int, wire_type: int) -> bytes:
    """What stands before the value of a field."""
    return varint(number << 3 | wire_type)


def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; a negative number as the 64 bits that it has."""
    if 0 <= number < MORE:
        return ONE_BYTE[number]
    number &= 2**64 - 1
    digits = []
    while number >= MORE:
        digits.append(number & (MORE - 1) | MORE)
        number >>= 7
    digits.append(number)
    return bytes(digits)
