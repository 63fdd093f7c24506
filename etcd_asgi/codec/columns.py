"""Long lists of flat messages to JSON, column by column.

A range of a thousand keys is a thousand messages of the same shape. Field by field, the values are
taken, tested and converted by built-in functions over the whole list, and one format makes the
text: no Python code runs per element as long as the elements are alike.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from etcd_asgi.codec.kinds import INT64, is_repeated

WORTHWHILE = 8
"""From this many elements on the columns are quicker than the elements one by one."""

_SLICE = 1024
"""Elements formatted at once: bounds the size of the format."""

Column = tuple[bytes, Iterable[Any]]
"""The place in an element's format, and what to fill it with, element by element."""


def encoder(descriptor: Descriptor) -> Callable[[Sequence[Any]], str] | None:
    """The function from a list of messages to their JSON, joined by commas.

    ``None`` for a type with fields other than bytes and 64-bit integers. No encoded value can
    hold a brace, so the comma before an element's first field is found and taken out at the end.
    """
    if not all(_is_flat(field) for field in descriptor.fields):
        return None
    fields = [(field.name, attrgetter(field.name), field.type) for field in descriptor.fields]

    def encode(items: Sequence[Any]) -> str:
        slices = range(0, len(items), _SLICE)
        return b",".join([_encode(items[at : at + _SLICE], fields) for at in slices]).decode()

    return encode


def _is_flat(field: FieldDescriptor) -> bool:
    if is_repeated(field) or field.containing_oneof is not None:
        return False
    return field.type == FieldDescriptor.TYPE_BYTES or field.type in INT64


def _encode(items: Sequence[Any], fields: list[tuple[str, attrgetter[Any], int]]) -> bytes:
    columns = []
    for name, getter, kind in fields:
        values = list(map(getter, items))
        if any(values):
            columns.append(_column(name.encode(), values, kind))
    if not columns:
        return b",".join([b"{}"] * len(items))
    one = b"{%b}" % b"".join([place for place, _ in columns])
    filling = tuple(chain.from_iterable(zip(*[values for _, values in columns])))  # noqa: B905
    if one.startswith(b"{,"):
        return b",".join([b"{" + one[2:]] * len(items)) % filling
    return (b",".join([one] * len(items)) % filling).replace(b"{,", b"{")


def _column(name: bytes, values: list[Any], kind: int) -> Column:
    is_bytes = kind == FieldDescriptor.TYPE_BYTES
    if all(values):
        if is_bytes:
            return b',"%b":"%%b"' % name, map(b2a_base64, values)
        return b',"%b":"%%d"' % name, values
    if is_bytes:
        return b"%b", [b',"%b":"%b"' % (name, b2a_base64(v)) if v else b"" for v in values]
    return b"%b", [b',"%b":"%d"' % (name, v) if v else b"" for v in values]
