"""Laws of the exact readers: they answer or raise DecodeError, and they know what they wrote."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from etcd_asgi.calls.bindings import bindings
from etcd_asgi.codec.decode.go.decoder import decode
from etcd_asgi.codec.descriptors import is_repeated
from etcd_asgi.codec.dialect import Dialect
from etcd_asgi.errors import DecodeError
from etcd_asgi.etcd.proto import message_class
from tests.drawn import drawn

REQUESTS = tuple({one.request.full_name: one.request for one in bindings()}.values())
NAMES = ("key", "limit", "sort_order", "sortOrder", "count_only", "success", "name", "peerURLs")
PIECES = (
    *('"', "{", "}", "[", "]", ",", ":", "{}", "[]", '""', "null", "true", "false", "-", "0", "1"),
    *("1.5", "1e9", "1e999999999", "9" * 30, '"Zm9v"', '"1"', '"\\ud800"', '"\\u', "\\", "\x00"),
    *(" ", "\n", "é", "\u2028", "😀", *(f'"{name}":' for name in NAMES)),
)

dialects = st.sampled_from(Dialect)
requests = st.sampled_from(REQUESTS)


@given(requests, st.binary(max_size=200), dialects)
def test_no_bytes_raise_anything_but_decode_errors(
    descriptor: Descriptor, body: bytes, dialect: Dialect
) -> None:
    """Ours: a body can be refused, it cannot break the reader."""
    assert_answered(descriptor, body, dialect)


@settings(max_examples=drawn(400))
@given(requests, st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=40), dialects)
def test_no_text_like_json_raises_anything_but_decode_errors(
    descriptor: Descriptor, pieces: list[str], dialect: Dialect
) -> None:
    """Ours."""
    assert_answered(descriptor, "".join(pieces).encode("utf-8", "surrogatepass"), dialect)


@settings(max_examples=drawn(400))
@given(st.data(), requests, dialects, st.binary(max_size=3))
def test_a_damaged_message_raises_nothing_but_decode_errors(
    data: st.DataObject, descriptor: Descriptor, dialect: Dialect, patch: bytes
) -> None:
    """Ours."""
    body = json_format.MessageToJson(data.draw(messages(descriptor))).encode()
    at = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(at, min(len(body), at + 3)))
    assert_answered(descriptor, body[:at] + patch + body[end:], dialect)


@pytest.mark.parametrize("preserving", [True, False], ids=["proto-names", "camel-names"])
@settings(max_examples=drawn(300))
@given(data=st.data(), descriptor=requests, dialect=dialects, indent=st.sampled_from((None, 1)))
def test_canonical_json_is_read_back_in_both_dialects(
    preserving: bool, data: st.DataObject, descriptor: Descriptor, dialect: Dialect, indent: int
) -> None:
    """The canonical form of protobuf's own JSON writer means the same to all releases."""
    message = data.draw(messages(descriptor))
    body = json_format.MessageToJson(
        message, preserving_proto_field_name=preserving, indent=indent, ensure_ascii=False
    )
    assert decode(descriptor, body.encode(), dialect, max_depth=20) == message


@given(st.data(), requests, dialects, st.binary(max_size=10))
def test_what_follows_the_first_value_changes_nothing(
    data: st.DataObject, descriptor: Descriptor, dialect: Dialect, rest: bytes
) -> None:
    """etcd's: unary calls read one value of the body."""
    message = data.draw(messages(descriptor))
    body = json_format.MessageToJson(message).encode()
    assert decode(descriptor, body + rest, dialect, max_depth=20) == message


def assert_answered(descriptor: Descriptor, body: bytes, dialect: Dialect) -> None:
    text = ""
    try:
        message = decode(descriptor, body, dialect, max_depth=20)
    except DecodeError as error:
        text = str(error)
    else:
        assert message.DESCRIPTOR.full_name == descriptor.full_name
        return
    # It is sent as JSON, so it must be Unicode.
    assert text.encode("utf-8")


def messages(descriptor: Descriptor, depth: int = 4) -> st.SearchStrategy[Message]:
    """Messages of a type, with some of the fields that fit within *depth*."""
    fields = [one for one in descriptor.fields if depth > 1 or one.message_type is None]

    @st.composite
    def build(draw: Callable[[st.SearchStrategy[object]], object]) -> Message:
        message = message_class(descriptor)()
        for field in fields:
            if draw(st.booleans()):
                _fill(message, field, draw(_values(field, depth)))
        return message

    return build()


def _fill(message: Message, field: FieldDescriptor, value: object) -> None:
    if is_repeated(field):
        getattr(message, field.name).extend(value)
    elif isinstance(value, Message):
        getattr(message, field.name).CopyFrom(value)
        getattr(message, field.name).SetInParent()
    else:
        setattr(message, field.name, value)


def _values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[object]:
    one: st.SearchStrategy[object]
    if field.message_type is not None:
        one = messages(field.message_type, depth - 1)
    elif field.enum_type is not None:
        one = st.sampled_from([value.number for value in field.enum_type.values]) | st.integers(
            100, 2**31 - 1
        )
    else:
        one = SCALARS[field.type]
    return st.lists(one, max_size=3) if is_repeated(field) else one


SCALARS: dict[int, st.SearchStrategy[object]] = {
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=20),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_STRING: st.text(max_size=20),
    FieldDescriptor.TYPE_UINT64: st.integers(0, 2**64 - 1),
}
