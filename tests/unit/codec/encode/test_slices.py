"""Replies that are converted in slices: the same bytes as of the whole, or none."""

import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.message import DecodeError as ParseError
from google.protobuf.message import Message
from hypothesis import example, given, settings
from hypothesis import strategies as st

from etcd_asgi import codec
from etcd_asgi.calls.bindings import bindings
from etcd_asgi.codec.encode import slices
from etcd_asgi.codec.encode.bytes_format import BASE64, BytesFormat
from etcd_asgi.codec.encode.spans import Unusual
from etcd_asgi.codec.encode.writer import encoder
from etcd_asgi.codec.text_mode import TEXT
from etcd_asgi.etcd import proto
from etcd_asgi.namespace import SCOPED, Namespace
from tests.drawn import drawn
from tests.unit.codec.messages import messages

RESPONSES = sorted({one.response.full_name for one in bindings()})
RPCS = {one.name: one.response.full_name for one in bindings() if one.name in SCOPED}
FORMATS = st.sampled_from([BASE64, TEXT])
SLICE_BYTES = st.sampled_from([1, 2, 7, 20, 60, 100_000])
MIB = 1024 * 1024


def whole(
    name: str,
    reply: bytes,
    form: BytesFormat,
    change: Callable[[Message], None] | None = None,
) -> bytes:
    descriptor = proto.message_type(name)
    message = proto.message_class(descriptor).FromString(reply)
    if change is not None:
        change(message)
    return encoder(descriptor, form)(message)


def in_slices(name: str, reply: bytes, form: BytesFormat, *more: Any) -> bytes:
    return b"".join(slices.convert(proto.message_type(name), reply, form, *more))


def transaction(levels: int, pairs: int) -> Any:
    """A reply of nested transactions, each with a range."""
    message: Any = proto.message_class(proto.message_type("etcdserverpb.TxnResponse"))()
    inner = message
    for _ in range(levels):
        found = inner.responses.add().response_range
        found.header.revision, found.count, found.more = 5, pairs, True
        for number in range(pairs):
            found.kvs.add(key=b"p/%d" % number, value=b"v" * number, lease=number)
        inner.responses.add().response_put.SetInParent()
        inner = inner.responses.add().response_txn
        inner.SetInParent()
    message.header.revision, message.succeeded = 5, True
    return message


@pytest.mark.parametrize("name", RESPONSES)
@settings(max_examples=drawn(6))
@given(data=st.data(), form=FORMATS, size=SLICE_BYTES)
def test_slices_together_are_the_json_of_the_whole(
    name: str, data: st.DataObject, form: BytesFormat, size: int
) -> None:
    reply = data.draw(messages(name)).SerializeToString()
    assert in_slices(name, reply, form, None, size) == whole(name, reply, form)


@pytest.mark.parametrize("name", RESPONSES)
@settings(max_examples=drawn(6))
@given(data=st.data(), form=FORMATS, size=SLICE_BYTES)
def test_two_replies_in_one_are_merged_or_refused(
    name: str, data: st.DataObject, form: BytesFormat, size: int
) -> None:
    """A parser merges them: fields come twice, lists in two places, oneofs with two members."""
    one, other = (data.draw(messages(name)).SerializeToString() for _ in range(2))
    reply = one + other
    with suppress(Unusual):
        assert in_slices(name, reply, form, None, size) == whole(name, reply, form)


@settings(max_examples=drawn(80))
@given(data=st.data(), size=SLICE_BYTES, name=st.sampled_from(RESPONSES))
def test_a_damaged_reply_is_refused_or_converted_as_the_whole(
    data: st.DataObject, size: int, name: str
) -> None:
    reply = bytearray(data.draw(messages(name)).SerializeToString())
    for at in data.draw(st.lists(st.integers(0, max(len(reply) - 1, 0)), max_size=3)):
        reply[at : at + 1] = data.draw(st.binary(max_size=2))
    with suppress(Unusual):
        text = in_slices(name, bytes(reply), BASE64, None, size)
        assert text == whole(name, bytes(reply), BASE64)


@settings(max_examples=drawn(80))
@given(reply=st.binary(max_size=40), size=SLICE_BYTES, name=st.sampled_from(RESPONSES))
@example(reply=b"\0\0", size=1, name="etcdserverpb.AlarmResponse")  # a field with number 0
@example(reply=b"\xf8" + b"\xff" * 5 + b"\1\0", size=1, name="etcdserverpb.AlarmResponse")
@example(reply=b"\x78" + b"\x80" * 10 + b"\0", size=1, name="etcdserverpb.AlarmResponse")
def test_any_bytes_are_refused_or_converted_as_the_whole(
    reply: bytes, size: int, name: str
) -> None:
    with suppress(Unusual):
        assert in_slices(name, reply, BASE64, None, size) == whole(name, reply, BASE64)


@pytest.mark.parametrize("rpc", RPCS)
@settings(max_examples=drawn(6))
@given(data=st.data(), form=FORMATS, size=SLICE_BYTES)
def test_in_a_namespace_slices_are_the_whole_or_refused(
    rpc: str, data: st.DataObject, form: BytesFormat, size: int
) -> None:
    """Most of what is drawn is outside of the namespace, which drops it."""
    namespace = Namespace(data.draw(st.sampled_from([b"\0", b"p/"])), b"secret")
    reply = data.draw(messages(RPCS[rpc])).SerializeToString()

    def change(message: Message) -> None:
        namespace.unscope(rpc, message)

    with suppress(Unusual):
        text = in_slices(RPCS[rpc], reply, form, change, size)
        assert text == whole(RPCS[rpc], reply, form, change)


@pytest.mark.parametrize("levels", [1, 3, 45])
@pytest.mark.parametrize("size", [1, 50, 1000])
@pytest.mark.parametrize("form", [BASE64, TEXT])
def test_a_namespaced_transaction_is_converted_in_slices(
    levels: int, size: int, form: BytesFormat
) -> None:
    namespace, name = Namespace(b"p/", b"secret"), "etcdserverpb.TxnResponse"
    reply = transaction(levels, 40).SerializeToString()

    def change(message: Message) -> None:
        namespace.unscope("KV.Txn", message)

    assert in_slices(name, reply, form, change, size) == whole(name, reply, form, change)


@pytest.mark.parametrize("size", [1, 50, 1000])
def test_a_reply_too_deep_for_the_parser_is_refused(size: int) -> None:
    name, reply = "etcdserverpb.TxnResponse", transaction(60, 2).SerializeToString()
    with pytest.raises(ParseError):
        whole(name, reply, BASE64)
    with pytest.raises(Unusual):
        in_slices(name, reply, BASE64, None, size)


def test_pairs_from_outside_of_the_namespace_are_left_to_the_whole_conversion() -> None:
    namespace = Namespace(b"p/", b"secret")
    found: Any = proto.message_class(proto.message_type("etcdserverpb.RangeResponse"))()
    for key in (b"p/1", b"q/1", b"p/2"):
        found.kvs.add(key=key)

    def change(message: Message) -> None:
        namespace.unscope("KV.Range", message)

    with pytest.raises(Unusual):
        in_slices("etcdserverpb.RangeResponse", found.SerializeToString(), BASE64, change, 8)


def test_a_change_that_adds_fields_is_left_to_the_whole_conversion() -> None:
    found: Any = proto.message_class(proto.message_type("etcdserverpb.RangeResponse"))()
    found.header.revision = 1
    found.kvs.add(key=b"p/1")

    def change(message: Any) -> None:
        message.count = 7

    with pytest.raises(Unusual):
        in_slices("etcdserverpb.RangeResponse", found.SerializeToString(), BASE64, change, 8)


@pytest.mark.parametrize(("ranges", "pairs"), [(1, 4000), (4, 1000)])
def test_converting_takes_no_more_memory_than_its_result(ranges: int, pairs: int) -> None:
    message: Any = proto.message_class(proto.message_type("etcdserverpb.TxnResponse"))()
    for _ in range(ranges):
        found = message.responses.add().response_range
        for number in range(pairs):
            found.kvs.add(key=b"p/%d" % number, value=b"v" * 4096)
    reply, descriptor = message.SerializeToString(), message.DESCRIPTOR
    del message, found
    list(codec.sliced(descriptor, reply))  # what is made once for each type
    tracemalloc.start()
    try:
        size = sum(len(piece) for piece in list(codec.sliced(descriptor, reply)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > len(reply) > 15 * MIB
    assert peak < size + 4 * slices.SLICE_BYTES + MIB
