"""Laws of the codec, with ``json_format`` as the oracle where its rules are etcd's too."""

import json
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

from etcd_asgi.codec import Dialect
from etcd_asgi.codec.decode.go import decoder
from etcd_asgi.codec.decode.scalars import Irregular
from etcd_asgi.codec.encode import columns
from etcd_asgi.errors import DecodeError
from etcd_asgi.etcd import proto
from tests.drawn import drawn
from tests.unit.codec.documents import documents
from tests.unit.codec.messages import ROOTS, decode, encode, messages, oracle_dict, read_fast

DEPTH = 128
DIALECTS = list(Dialect)


def test_a_long_body_of_very_many_parts_is_read_by_the_exact_reader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The scanner of the standard library would stop all threads while it reads it."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise DecodeError("this one")

    monkeypatch.setattr(decoder, "decode", refuse)
    range_request = proto.message_type("etcdserverpb.RangeRequest")
    few, many = (b'{"key":"YQ==","unknown":[%s{}]}' % (b"{}," * count) for count in (9, 40_000))
    text = b'{"key":"YQ==","unknown":"%s"}' % (b"x" * 200_000)
    for body in (few, text):
        message: Any = decode(range_request, body, Dialect.JSONPB, max_depth=9)
        assert message.key == b"a"
    with pytest.raises(DecodeError, match="this one"):
        decode(range_request, many, Dialect.JSONPB, max_depth=9)


@pytest.mark.parametrize("root", ROOTS)
@settings(max_examples=drawn(25))
@given(data=st.data())
def test_json_is_what_json_format_makes(root: str, data: st.DataObject) -> None:
    message, descriptor = data.draw(messages(root)), proto.message_type(root)
    text = encode(descriptor, message)
    assert json.loads(text) == oracle_dict(message)
    assert b"\n" not in text


@pytest.mark.parametrize("root", ROOTS)
@settings(max_examples=drawn(25))
@given(data=st.data(), dialect=st.sampled_from(DIALECTS))
def test_a_message_survives_the_way_there_and_back(
    root: str, data: st.DataObject, dialect: Dialect
) -> None:
    message, descriptor = data.draw(messages(root)), proto.message_type(root)
    text = encode(descriptor, message)
    assert decode(descriptor, text, dialect, max_depth=DEPTH) == message


@pytest.mark.parametrize("root", ROOTS)
@settings(max_examples=drawn(25))
@given(data=st.data(), camel=st.booleans(), ascii_only=st.booleans())
def test_json_of_json_format_is_read_as_it_reads_it(
    root: str, data: st.DataObject, camel: bool, ascii_only: bool
) -> None:
    message, descriptor = data.draw(messages(root)), proto.message_type(root)
    text = json_format.MessageToJson(
        message, preserving_proto_field_name=not camel, ensure_ascii=ascii_only
    ).encode()
    for dialect in DIALECTS:
        assert decode(descriptor, text, dialect, max_depth=DEPTH) == message


def outcome(read: Any) -> Any:
    try:
        return read()
    except (Irregular, DecodeError) as error:
        return type(error)


TYPES = st.sampled_from(
    ["etcdserverpb.RangeRequest", "etcdserverpb.TxnRequest", "etcdserverpb.MemberAddRequest",
     "etcdserverpb.AuthUserAddRequest", "etcdserverpb.WatchRequest"]
)  # fmt: skip


@settings(max_examples=drawn(500))
@given(st.data(), TYPES, st.sampled_from(DIALECTS))
def test_what_the_fast_reader_takes_the_exact_one_reads_alike(
    data: st.DataObject, name: str, dialect: Dialect
) -> None:
    descriptor, body = proto.message_type(name), json.dumps(data.draw(documents(name))).encode()
    taken = outcome(lambda: read_fast(descriptor, body, DEPTH))
    if taken is not Irregular:
        assert decoder.decode(descriptor, body, dialect, max_depth=DEPTH) == taken


@settings(max_examples=drawn(1500))
@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode), TYPES)
def test_garbage_is_refused_as_garbage(body: bytes, name: str) -> None:
    descriptor = proto.message_type(name)
    for dialect in DIALECTS:
        read = outcome(lambda: decode(descriptor, body, dialect, max_depth=DEPTH))  # noqa: B023
        assert read is DecodeError or read.DESCRIPTOR is descriptor


def nested_txn(levels: int) -> bytes:
    return b'{"success":[{"request_txn":' * levels + b"{}" + b"}]}" * levels


@pytest.mark.parametrize("dialect", DIALECTS)
def test_messages_nest_up_to_the_limit_and_no_further(dialect: Dialect) -> None:
    txn = proto.message_type("etcdserverpb.TxnRequest")
    decode(txn, nested_txn(2), dialect, max_depth=5)
    with pytest.raises(DecodeError, match="4 messages deep"):
        decode(txn, nested_txn(2), dialect, max_depth=4)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("levels", [100, 300, 1000, 100_000])
def test_endless_nesting_is_an_error_and_no_overflow(dialect: Dialect, levels: int) -> None:
    txn = proto.message_type("etcdserverpb.TxnRequest")
    with pytest.raises(DecodeError):
        decode(txn, nested_txn(levels), dialect, max_depth=DEPTH)


@settings(max_examples=drawn(200))
@given(st.lists(messages("mvccpb.KeyValue"), max_size=40))
def test_columns_say_what_the_rows_would(items: list[Any]) -> None:
    in_columns = columns.encoder(proto.message_type("mvccpb.KeyValue"))
    assert in_columns is not None
    text = b"[%b]" % b",".join(in_columns(items))
    assert json.loads(text) == [oracle_dict(item) for item in items]


def test_a_list_longer_than_a_slice_keeps_its_order() -> None:
    descriptor = proto.message_type("etcdserverpb.RangeResponse")
    answer = proto.message_class(descriptor)()
    for number in range(3000):
        answer.kvs.add(key=b"%d" % number, lease=number % 7)  # type: ignore[attr-defined]
    text = encode(descriptor, answer)
    assert json.loads(text) == oracle_dict(answer)
