"""Answers nested deeper than protobuf parses."""

import json
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.message import DecodeError as ParseError
from hypothesis import given, settings
from hypothesis import strategies as st

from etcd_asgi import codec
from etcd_asgi.codec.encode import nested
from etcd_asgi.etcd import proto
from tests.drawn import drawn
from tests.unit.codec.messages import ROOTS, messages, oracle_dict


@pytest.mark.parametrize("root", ROOTS)
@settings(max_examples=drawn(20))
@given(data=st.data())
def test_taken_apart_a_message_reads_the_same(root: str, data: st.DataObject) -> None:
    message = data.draw(messages(root))
    text = nested.encode(proto.message_type(root), message.SerializeToString())
    assert json.loads(codec.compact(text)) == oracle_dict(message)


def test_a_message_too_deep_for_the_parser_is_read_all_the_same() -> None:
    descriptor = proto.message_type("etcdserverpb.TxnResponse")
    message: Any = proto.message_class(descriptor)()
    inner = message
    for _ in range(64):
        inner.succeeded = True
        inner = inner.responses.add().response_txn
        inner.SetInParent()
    wire = message.SerializeToString()
    with pytest.raises(ParseError):
        proto.message_class(descriptor).FromString(wire)
    read = json.loads(codec.compact(nested.encode(descriptor, wire)))
    for _ in range(64):
        assert read["succeeded"] is True
        read = read["responses"][0]["response_txn"]
    assert read == {}


@given(st.binary())
def test_bytes_that_are_no_message_are_refused(data: bytes) -> None:
    with suppress(ValueError, ParseError):
        assert nested.encode(proto.message_type("etcdserverpb.TxnResponse"), data).startswith("{")
