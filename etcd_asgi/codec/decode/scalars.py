"""Scalars in the common form of JSON, to bytes and integers: what every release takes alike."""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from etcd_asgi.codec.decode.go.integers import RANGES
from etcd_asgi.codec.text_mode import MEMBER

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})").fullmatch
_UNSIGNED_INTEGER = re.compile(r"0|[1-9][0-9]{0,19}").fullmatch

Convert = Callable[[Any], Any]
"""From a JSON value to bytes or an integer; it raises :class:`Irregular`."""


class Irregular(ValueError):
    """The text is not in the common form. It may be right all the same."""


def text(value: Any) -> bytes:
    """Convert bytes in text mode: a string, found to be Unicode by the scanner, or the object."""
    if type(value) is str:
        return value.encode()
    if type(value) is not tuple or len(value) != 1 or value[0][0] != MEMBER:
        raise Irregular
    inner = value[0][1]
    if type(inner) is not str or len(inner) & 3:
        raise Irregular
    return a2b_base64(inner, strict_mode=True)


def string(value: Any) -> bytes:
    """Convert a string to UTF-8."""
    if type(value) is not str:
        raise Irregular
    return value.encode()


def _bool(value: Any) -> bool:
    if type(value) is not bool:
        raise Irregular
    return value


def integer(field: FieldDescriptor) -> Convert:
    """Make the function from a JSON value of *field* to its integer; a bool is one."""
    match field.type:
        case FieldDescriptor.TYPE_BOOL:
            return _bool
        case FieldDescriptor.TYPE_ENUM:
            assert field.enum_type is not None
            return _enum_conversion(field.enum_type)
        case FieldDescriptor.TYPE_UINT64:
            return _unsigned("uint64")
        case FieldDescriptor.TYPE_UINT32:
            return _unsigned("uint32")
        case FieldDescriptor.TYPE_INT64:
            return _signed("int64")
        case FieldDescriptor.TYPE_INT32:
            return _signed("int32")
    raise AssertionError(f"no conversion for {field.full_name}")


def _signed(kind: str) -> Convert:
    least, most = RANGES[kind]

    def convert(value: Any) -> int:
        if type(value) is str and _INTEGER(value):
            value = int(value)
        if type(value) is int and least <= value <= most:
            return value
        raise Irregular

    return convert


def _unsigned(kind: str) -> Convert:
    least, most = RANGES[kind]

    def convert(value: Any) -> int:
        if type(value) is str and _UNSIGNED_INTEGER(value):
            value = int(value)
        elif value == 0:  # it may have been -0
            raise Irregular
        if type(value) is int and least <= value <= most:
            return value
        raise Irregular

    return convert


def _enum_conversion(enum: EnumDescriptor) -> Convert:
    numbers = {value.name: value.number for value in enum.values}
    number = _signed("enum")

    def convert(value: Any) -> int:
        if type(value) is str:
            if value not in numbers:
                raise Irregular
            return numbers[value]
        other: int = number(value)
        return other

    return convert
