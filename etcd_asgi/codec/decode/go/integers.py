"""Integers in JSON: the ranges, and the notations that protobuf-go accepts.

A number in a request may have a million digits or an exponent to match. Nothing here makes an
``int`` before it is known to have no more digits than 64 bits can hold.

**Source:** protobuf-go internal/encoding/json decode_number.go (parseNumber, parseNumberParts,
normalizeToIntString), encoding/protojson decode.go (unmarshalInt).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

RANGES: Mapping[str, tuple[int, int]] = {
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint8": (0, 2**8 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
    "enum": (-(2**31), 2**31 - 1),
}
"""Least and greatest value by the kind of field; ``uint8`` is for bytes given as numbers."""

_MAX_DIGITS = 20
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]{0,19})")
_NUMBER = re.compile(
    r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE](?:([+-]?[0-9]+)|(?=.)))?(?![-+._a-zA-Z0-9])",
    re.DOTALL,
)


def plain(text: str, kind: str) -> int | None:
    """Read the integer that *text* spells in digits alone, if it fits the kind.

    ``-0`` is no unsigned integer here: Go strconv ParseUint takes no sign.
    """
    if not _PLAIN.fullmatch(text) or (text[0] == "-" and kind.startswith("u")):
        return None
    return _within(int(text), kind)


def integral(text: str, kind: str) -> int | None:
    """Read the JSON number at the begin of *text*, if it is an integer that fits the kind.

    ``1.0`` and ``1e2`` are integers. What follows the number is ignored if no number could go on
    there, and an exponent without digits is none; both can only happen within strings.
    """
    match = _NUMBER.match(text)
    if not match:
        return None
    sign, whole, fraction, exponent = match.groups("")
    whole, fraction = "" if whole == "0" else whole, fraction.rstrip("0")
    if not whole and not fraction:
        return 0
    shift = _int32(exponent or "0")
    digits = None if shift is None else _shifted(whole, fraction, shift)
    return None if digits is None else _within(int(sign + digits), kind)


def _shifted(whole: str, fraction: str, shift: int) -> str | None:
    """Move the point to the right; None if there are digits behind it then."""
    if shift >= 0:
        if len(fraction) > shift or len(whole) + shift > _MAX_DIGITS:
            return None
        return whole + fraction + "0" * (shift - len(fraction))
    keep = len(whole) + shift
    if fraction or not 0 < keep <= _MAX_DIGITS or whole[keep:].strip("0"):
        return None
    return whole[:keep]


def _int32(text: str) -> int | None:
    """Read a signed number of 32 bits as Go strconv ParseInt does: leading zeros allowed."""
    digits = text.lstrip("+-").lstrip("0") or "0"
    if len(digits) > 10:
        return None
    return _within(int(f"-{digits}" if text[0] == "-" else digits), "int32")


def _within(number: int, kind: str) -> int | None:
    least, greatest = RANGES[kind]
    return number if least <= number <= greatest else None
