"""Long lists of flat messages to JSON, column by column.

A range of a thousand keys is a thousand messages of the same shape. Field by field, the values are
taken, tested and converted by built-in functions over a slice of the list, and one format makes
the text: no Python code runs per element as long as the elements are alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from etcd_asgi.codec.descriptors import INT64, is_repeated
from etcd_asgi.codec.encode.bytes_format import BASE64, BytesFormat

WORTHWHILE = 8
"""From this many elements on the columns are quicker than the elements one by one."""

_SLICE = 128
"""Elements formatted at once. What a slice needs in between stays small: memory that the system
must hand out for every response anew would cost a third of the whole."""

Field = tuple[bytes, Callable[[Any], Any], bool]
"""Name, getter of the value, and True for bytes."""

_VARYING = b"%b"
"""The place of a field that some elements have and some have not, in an element's format."""

_START = b"\1"
"""Begins an element without a known first field: a comma behind it is one too many.
Nothing in JSON holds a raw control character."""

Column = tuple[bytes, Iterable[Any] | None]
"""The place in an element's format, and the values for it, element by element."""


def encoder(
    descriptor: Descriptor, form: BytesFormat = BASE64
) -> Callable[[Sequence[Any]], list[bytes]] | None:
    """Make the function from a list of messages to slices of their JSON, to be joined by commas.

    ``None`` for a type with fields other than bytes and 64-bit integers.
    """
    if not all(_is_flat(field) for field in descriptor.fields):
        return None
    fields: list[Field] = [
        (field.name.encode(), attrgetter(field.name), field.type == FieldDescriptor.TYPE_BYTES)
        for field in descriptor.fields
    ]

    def encode(items: Sequence[Any]) -> list[bytes]:
        slices = range(0, len(items), _SLICE)
        return [_encode(items[at : at + _SLICE], fields, form) for at in slices]

    return encode


def _is_flat(field: FieldDescriptor) -> bool:
    if is_repeated(field) or field.containing_oneof is not None:
        return False
    return field.type == FieldDescriptor.TYPE_BYTES or field.type in INT64


def _encode(items: Sequence[Any], fields: list[Field], form: BytesFormat) -> bytes:
    columns = []
    for name, getter, is_bytes in fields:
        values = list(map(getter, items))
        if any(values):
            columns.append(_column(name, values, form if is_bytes else None))
    one = b"".join([place for place, _ in columns]).removeprefix(b",")
    varying = one.startswith(_VARYING)
    template = b",".join([b"{%b%b}" % (_START if varying else b"", one)] * len(items))
    text = template % _by_element([fill for _, fill in columns if fill is not None], len(items))
    text = text.replace(b"\n", b"")  # base64's
    return text.replace(_START + b",", b"").replace(_START, b"") if varying else text


def _column(name: bytes, values: list[Any], form: BytesFormat | None) -> Column:
    if not all(values):
        if form:
            each, fill = b',"%b":%b' % (name, form.place), form.fill
            return _VARYING, [each % fill(v) if v else b"" for v in values]
        return _VARYING, [b',"%b":"%d"' % (name, v) if v else b"" for v in values]
    if form:
        return b',"%b":%b' % (name, form.place), map(form.fill, values)
    if values.count(values[0]) == len(values):
        return b',"%b":"%d"' % (name, values[0]), None
    return b',"%b":"%%d"' % name, values


def _by_element(columns: list[Iterable[Any]], count: int) -> tuple[Any, ...]:
    """Give the values of all columns, element by element."""
    width = len(columns)
    values = [None] * (width * count)
    for at, column in enumerate(columns):
        values[at::width] = column
    return tuple(values)
