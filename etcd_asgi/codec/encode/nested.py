"""Replies nested deeper than protobuf's parser goes: it stops at a hundred levels.

Only a transaction in a transaction, fifty times over, gets there. Its wire form is taken apart
level by level: messages here, everything else by the parser.
"""

from __future__ import annotations

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from etcd_asgi.codec import wire
from etcd_asgi.codec.descriptors import is_repeated
from etcd_asgi.codec.encode.bytes_format import BASE64, BytesFormat
from etcd_asgi.codec.encode.writer import writer
from etcd_asgi.etcd import proto


def encode(descriptor: Descriptor, data: bytes, form: BytesFormat = BASE64) -> str:
    """Convert a serialized message of *descriptor*'s type to JSON text.

    Members that are messages follow all others. The text may hold newlines, as that of
    :func:`etcd_asgi.codec.encode.writer.writer`.

    Raises:
        ValueError: the bytes are no such message.
    """
    parts, plain = _take_apart(descriptor, data, form)
    members = [
        f'"{descriptor.fields_by_number[number].name}":{_value(texts, number, descriptor)}'
        for number, texts in parts.items()
    ]
    message = proto.message_class(descriptor).FromString(plain)
    flat = writer(descriptor, form)(message, [])[1:-1]
    return "{" + ",".join(([flat] if flat else []) + members) + "}"


def _value(texts: list[str], number: int, descriptor: Descriptor) -> str:
    if is_repeated(descriptor.fields_by_number[number]):
        return f"[{','.join(texts)}]"
    return texts[-1]


def _take_apart(
    descriptor: Descriptor, data: bytes, form: BytesFormat
) -> tuple[dict[int, list[str]], bytes]:
    """Give the JSON of the fields that are messages, by number, and the bytes of all others."""
    parts: dict[int, list[str]] = {}
    plain = bytearray()
    for number, start, content, end in wire.fields(data):
        field = descriptor.fields_by_number.get(number)
        if content is None or field is None or field.type != FieldDescriptor.TYPE_MESSAGE:
            plain += data[start:end]
        else:
            assert field.message_type is not None
            part = encode(field.message_type, data[content:end], form)
            parts.setdefault(number, []).append(part)
    return parts, bytes(plain)
