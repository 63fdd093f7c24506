"""Text mode: bytes as strings where they are text, as {"base64": ...} where they are not."""

import json
from base64 import b64decode, b64encode
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor
from hypothesis import given, settings
from hypothesis import strategies as st

from etcd_asgi import codec
from etcd_asgi.codec import Dialect
from etcd_asgi.codec.decode.go import decoder
from etcd_asgi.codec.encode import columns
from etcd_asgi.errors import DecodeError
from etcd_asgi.etcd import proto
from tests.drawn import drawn
from tests.unit.codec.messages import ROOTS, decode, messages, oracle_dict, read_fast

DEPTH = 128
DIALECTS = [pytest.param(one, id=one.value) for one in Dialect]
PUT = proto.message_type("etcdserverpb.PutRequest")
RANGE = proto.message_type("etcdserverpb.RangeResponse")
TXN = proto.message_type("etcdserverpb.TxnRequest")

AWKWARD = [
    b"",
    b"plain",
    "žluťoučký \N{GRINNING FACE}".encode(),
    b'quotes " and \\ and {"base64":"Zm9v"}',
    b"\x00\x01\n\r\t\x7f",
    "\u2028\u2029".encode(),
    b"{,",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xc0\x80",
    b"half \xf0\x9f\x98",
    bytes(range(256)),
]
"""Bytes that some reader or writer of JSON might not take as they are."""


def as_text(value: bytes) -> Any:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(value).decode()}


def with_text(descriptor: Descriptor, members: dict[str, Any]) -> dict[str, Any]:
    """What ``json_format`` made of a message, with its bytes in text mode."""
    fields = descriptor.fields_by_name

    def convert(name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [convert(name, one) for one in value]
        if fields[name].type == fields[name].TYPE_BYTES:
            return as_text(b64decode(value))
        inner = fields[name].message_type
        return value if inner is None else with_text(inner, value)

    return {name: convert(name, value) for name, value in members.items()}


@pytest.mark.parametrize("root", ROOTS)
@settings(max_examples=drawn(25))
@given(data=st.data())
def test_every_message_is_written_with_its_bytes_as_text(root: str, data: st.DataObject) -> None:
    message, descriptor = data.draw(messages(root)), proto.message_type(root)
    expected = with_text(descriptor, oracle_dict(message))
    text = codec.encoder(descriptor, text=True)(message)
    deep = codec.deep_encoder(descriptor, text=True)(message.SerializeToString())
    assert json.loads(text) == json.loads(deep) == expected
    assert b"\n" not in text


@pytest.mark.parametrize("root", ROOTS)
@settings(max_examples=drawn(25))
@given(data=st.data(), dialect=st.sampled_from(list(Dialect)), ascii_only=st.booleans())
def test_every_message_survives_the_way_there_and_back(
    root: str, data: st.DataObject, dialect: Dialect, ascii_only: bool
) -> None:
    message, descriptor = data.draw(messages(root)), proto.message_type(root)
    text = codec.encoder(descriptor, text=True)(message)
    if ascii_only:  # as other writers of JSON have it: escapes make the exact reader read it
        text = json.dumps(json.loads(text)).encode()
    assert decode(descriptor, text, dialect, max_depth=DEPTH, text=True) == message


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("value", AWKWARD, ids=repr)
def test_bytes_may_always_be_given_as_base64(value: bytes, dialect: Dialect) -> None:
    body = json.dumps({"key": {"base64": b64encode(value).decode()}}).encode()
    assert read(body, dialect).key == value
    assert read_fast(PUT, body, DEPTH, text=True) == read(body, dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("value", AWKWARD, ids=repr)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_awkward_bytes_survive(value: bytes, dialect: Dialect, ascii_only: bool) -> None:
    body = json.dumps({"key": as_text(value)}, ensure_ascii=ascii_only).encode()
    assert read(body, dialect).key == value


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_string_that_looks_like_base64_is_text(dialect: Dialect) -> None:
    assert read(b'{"key": "Zm9v"}', dialect).key == b"Zm9v"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_null_leaves_a_field_empty(dialect: Dialect) -> None:
    assert read(b'{"key": null, "value": "x"}', dialect).key == b""


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("given", "fault"),
    [
        pytest.param("5", '5: in text mode, bytes are a string or {"base64": "..."}', id="number"),
        pytest.param("true", "true: in text mode, bytes are", id="bool"),
        pytest.param('["a"]', '["a"]: in text mode, bytes are', id="array"),
        pytest.param(
            '{"base64": 5}', '{"base64": 5}: "base64" is a string', id="base64-of-a-number"
        ),
        pytest.param('{"base64": null}', '"base64" is a string', id="base64-of-null"),
        pytest.param('{"base64": {"base64": "YQ=="}}', '"base64" is a string', id="base64-twice"),
        pytest.param("{}", 'the object for bytes has one member, "base64"', id="empty-object"),
        pytest.param(
            '{"base64": "YQ==", "text": "a"}', 'has one member, "base64"', id="both-members"
        ),
        pytest.param(
            '{"base64": "YQ==", "base64": "YQ=="}', 'has one member, "base64"', id="duplicate"
        ),
        pytest.param('{"Base64": "YQ=="}', 'has one member, "base64"', id="other-case"),
        pytest.param('{"base64": "Y"}', "illegal base64 data at input byte 0", id="cut-off"),
        pytest.param('{"base64": "YQ"}', "illegal base64 data at input byte 0", id="unpadded"),
        pytest.param('{"base64": "é==="}', "illegal base64 data at input byte 0", id="no-base64"),
        pytest.param(r'"\ud800"', "this is not Unicode: give such bytes as", id="lone-surrogate"),
    ],
)
def test_an_error_names_the_field_and_what_was_given_and_expected(
    given: str, fault: str, dialect: Dialect
) -> None:
    body = b'{"value": "x", "key": %b}' % given.encode()
    with pytest.raises(DecodeError) as refused:
        read(body, dialect)
    assert "bytes field key: " in str(refused.value)
    assert given[:40] in str(refused.value)
    assert fault in str(refused.value)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_bytes_that_are_not_utf8_are_refused_in_a_string(dialect: Dialect) -> None:
    """A replacement character in a key would be another key."""
    with pytest.raises(DecodeError, match=r"bytes field key: .*this is not Unicode"):
        read(b'{"key": "a\xff"}', dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_error_repeats_no_more_than_the_begin_of_a_long_value(dialect: Dialect) -> None:
    with pytest.raises(DecodeError) as refused:
        read(b'{"key": [%b]}' % b",".join([b"1"] * 10_000), dialect)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("dialect", DIALECTS)
def test_fields_that_are_no_bytes_are_as_always(dialect: Dialect) -> None:
    for body in (b'{"lease": "7", "prevKv": true}', b'{"prev_kv": true, "lease": 7}'):
        plain = decode(PUT, body, dialect, max_depth=DEPTH)
        assert read(body, dialect) == plain
    with pytest.raises(DecodeError) as plainly:
        decode(PUT, b'{"lease": "x"}', dialect, max_depth=DEPTH)
    with pytest.raises(DecodeError) as as_text:
        read(b'{"lease": "x"}', dialect)
    assert str(as_text.value) == str(plainly.value)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_nested_messages_are_read_and_written_as_text(dialect: Dialect) -> None:
    put = {"request_put": {"key": "inner", "value": {"base64": "/w=="}}}
    body = json.dumps({"success": [{"request_txn": {"success": [put]}}]}).encode()
    message: Any = decode(TXN, body, dialect, max_depth=DEPTH, text=True)
    inner = message.success[0].request_txn.success[0].request_put
    assert (inner.key, inner.value) == (b"inner", b"\xff")
    assert json.loads(codec.encoder(TXN, text=True)(message)) == json.loads(body)


@settings(max_examples=drawn(30))
@given(
    values=st.lists(
        st.tuples(st.sampled_from(AWKWARD), st.binary(max_size=4), st.integers(0, 3)),
        min_size=columns.WORTHWHILE,
        max_size=300,
    )
)
def test_long_lists_are_written_like_short_ones(values: list[tuple[bytes, bytes, int]]) -> None:
    answer: Any = proto.message_class(RANGE)()
    for key, value, version in values:
        answer.kvs.add(key=key, value=value, version=version)
    text = codec.encoder(RANGE, text=True)(answer)
    assert json.loads(text) == with_text(RANGE, oracle_dict(answer))


def read(body: bytes, dialect: Dialect) -> Any:
    """What both readers make of *body*, which must be the same."""
    message = decode(PUT, body, dialect, max_depth=DEPTH, text=True)
    assert message == decoder.decode(PUT, body, dialect, max_depth=DEPTH, text=True)
    return message
