"""Answers nested deeper than protobuf's parser goes: it stops at a hundred levels.

Only a transaction in a transaction, fifty times over, gets there. Its wire form is taken apart
level by level: messages here, everything else by the parser.
"""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from etcd_asgi import proto
from etcd_asgi.codec.encode import writer
from etcd_asgi.codec.kinds import is_repeated
from etcd_asgi.codec.shown import BASE64, Shown
from etcd_asgi.codec.wire import DELIMITED, FIXED32, FIXED64, VARINT

_FIXED = {FIXED64: 8, FIXED32: 4}


def encode(descriptor: Descriptor, data: bytes, shown: Shown = BASE64) -> str:
    """The JSON text of a serialized message of *descriptor*'s type.

    Members that are messages follow all others. The text may hold newlines, as that of
    :func:`etcd_asgi.codec.encode.writer`.

    Raises:
        ValueError: the bytes are no such message.
    """
    parts, plain = _take_apart(descriptor, data, shown)
    members = [
        f'"{descriptor.fields_by_number[number].name}":{_value(texts, number, descriptor)}'
        for number, texts in parts.items()
    ]
    message = proto.message_class(descriptor).FromString(plain)
    flat = writer(descriptor, shown)(message, [])[1:-1]
    return "{" + ",".join(([flat] if flat else []) + members) + "}"


def _value(texts: list[str], number: int, descriptor: Descriptor) -> str:
    if is_repeated(descriptor.fields_by_number[number]):
        return f"[{','.join(texts)}]"
    return texts[-1]


def _take_apart(
    descriptor: Descriptor, data: bytes, shown: Shown
) -> tuple[dict[int, list[str]], bytes]:
    """The JSON of the fields that are messages, by number, and the bytes of all others."""
    parts: dict[int, list[str]] = {}
    plain = bytearray()
    for number, start, content, end in _fields(data):
        field = descriptor.fields_by_number.get(number)
        if content is None or field is None or field.type != FieldDescriptor.TYPE_MESSAGE:
            plain += data[start:end]
        else:
            assert field.message_type is not None
            part = encode(field.message_type, data[content:end], shown)
            parts.setdefault(number, []).append(part)
    return parts, bytes(plain)


def _fields(data: bytes) -> Iterator[tuple[int, int, int | None, int]]:
    """Each field's number, start, start of its content if that has a length, and end."""
    at = 0
    while at < len(data):
        start = at
        tag, at = _varint(data, at)
        kind, content = tag & 7, None
        if kind == VARINT:
            _, at = _varint(data, at)
        elif kind == DELIMITED:
            length, content = _varint(data, at)
            at = content + length
        elif kind in _FIXED:
            at += _FIXED[kind]
        else:
            raise ValueError(f"no protobuf message: wire type {kind}")
        if at > len(data):
            raise ValueError("no protobuf message: a field is cut off")
        yield tag >> 3, start, content, at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at *at*, and where it ends."""
    value = shift = 0
    while at < len(data):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("no protobuf message: a number is cut off")
