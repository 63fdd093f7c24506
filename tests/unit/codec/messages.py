"""Messages of every type, for properties; and ``json_format``, their oracle."""

from collections.abc import Callable
from typing import Any, NoReturn

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

from etcd_asgi import codec
from etcd_asgi.calls.bindings import bindings
from etcd_asgi.codec import Dialect
from etcd_asgi.codec.decode import fast
from etcd_asgi.codec.decode.scalars import Irregular
from etcd_asgi.codec.descriptors import is_repeated
from etcd_asgi.codec.encode.writer import encoder
from etcd_asgi.etcd import proto

ROOTS = sorted(
    {one.full_name for binding in bindings() for one in (binding.request, binding.response)}
)
"""Every message that crosses the gateway."""

_INT64 = st.sampled_from([0, 1, -1, 2**53 + 1, -(2**63), 2**63 - 1]) | st.integers(
    -(2**63), 2**63 - 1
)
_UINT64 = st.sampled_from([0, 1, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1)
_UINT32 = st.sampled_from([0, 2**32 - 1]) | st.integers(0, 2**32 - 1)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=8),
    FieldDescriptor.TYPE_STRING: _TEXT,
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_UINT64: _UINT64,
    FieldDescriptor.TYPE_UINT32: _UINT32,
}


def decode(
    descriptor: Descriptor, body: bytes, dialect: Dialect, *, max_depth: int, text: bool = False
) -> Message:
    """Decode one body as the gateway does."""
    return codec.decoder(descriptor, dialect, max_depth=max_depth, text=text)(body)


def encode(descriptor: Descriptor, message: Message) -> bytes:
    """Encode one message as the gateway does, bytes in base64."""
    return encoder(descriptor)(message)


def read_fast(descriptor: Descriptor, body: bytes, depth: int, *, text: bool = False) -> Message:
    """What the fast reader alone makes of *body*.

    Raises:
        Irregular: it leaves it to the exact one.
    """
    written = fast.serializer(descriptor, depth, _raise_irregular, text=text)(body)
    return proto.message_class(descriptor).FromString(written)


def _raise_irregular(body: bytes) -> NoReturn:
    raise Irregular(body)


def messages(full_name: str, depth: int = 4) -> st.SearchStrategy[Message]:
    """Messages of one type, with any of their fields set."""
    return _messages(proto.message_type(full_name), depth)


def _messages(descriptor: Descriptor, depth: int) -> st.SearchStrategy[Message]:
    fields = {
        field.name: _values(field, depth - 1)
        for field in descriptor.fields
        if field.message_type is None or depth > 1
    }
    message_class: Callable[..., Message] = proto.message_class(descriptor)
    return st.fixed_dictionaries({}, optional=fields).map(lambda values: message_class(**values))


def _values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    value: st.SearchStrategy[Any]
    if field.message_type is not None:
        value = _messages(field.message_type, depth)
    elif field.enum_type is not None:
        value = st.sampled_from([one.number for one in field.enum_type.values]) | st.just(77)
    else:
        value = _SCALARS[field.type]
    return st.lists(value, max_size=10) if is_repeated(field) else value


def oracle_dict(message: Message) -> Any:
    """What ``json_format`` makes of *message*."""
    return json_format.MessageToDict(message, preserving_proto_field_name=True)
