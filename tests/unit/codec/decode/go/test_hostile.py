"""Bodies made to hurt: deep, wide, endless numbers, escapes without end."""

from __future__ import annotations

import pytest

from etcd_asgi.codec.decode.go.decoder import decode
from etcd_asgi.codec.dialect import Dialect
from etcd_asgi.errors import DecodeError
from etcd_asgi.etcd.proto import message_type

RANGE = message_type("etcdserverpb.RangeRequest")
TXN = message_type("etcdserverpb.TxnRequest")
USER = message_type("etcdserverpb.AuthUserGetRequest")

both = pytest.mark.parametrize("dialect", Dialect, ids=lambda dialect: dialect.value)


def txns(count: int) -> bytes:
    return b'{"success":[{"request_txn":' * count + b"{}" + b"}]}" * count


@both
def test_messages_nest_as_deep_as_allowed(dialect: Dialect) -> None:
    """Ours: a transaction in a transaction is two messages deeper."""
    message = decode(TXN, txns(3), dialect, max_depth=7)
    assert str(message).count("request_txn") == 3


@both
def test_messages_nested_deeper_than_allowed_are_refused(dialect: Dialect) -> None:
    """Ours: the stock gateway has no such limit within its 10 000 levels of JSON."""
    with pytest.raises(DecodeError, match=r"nested more than 6 messages deep"):
        decode(TXN, txns(3), dialect, max_depth=6)


@both
def test_an_empty_message_in_a_list_is_a_message_too(dialect: Dialect) -> None:
    """Ours."""
    assert len(decode(TXN, b'{"success":[{}]}', dialect, max_depth=2).success) == 1  # type: ignore[attr-defined]
    with pytest.raises(DecodeError, match="nested more than 1 messages deep"):
        decode(TXN, b'{"success":[{}]}', dialect, max_depth=1)


@both
def test_a_limit_far_beyond_the_interpreters_stack_holds(dialect: Dialect) -> None:
    """Ours: nothing recurses."""
    assert decode(TXN, txns(3000), dialect, max_depth=6001).IsInitialized()
    with pytest.raises(DecodeError, match="nested more than 6000 messages deep"):
        decode(TXN, txns(3000), dialect, max_depth=6000)


@both
def test_unknown_members_do_not_count_as_messages(dialect: Dialect) -> None:
    """etcd's: only the 10 000 levels of Go's encoding/json bound them."""
    body = b'{"key":"Zm9v","bogus":' + b'{"a":[' * 4999 + b"]}" * 4999 + b"}"
    assert decode(RANGE, body, dialect, max_depth=1) == decode(
        RANGE, b'{"key":"Zm9v"}', dialect, max_depth=1
    )


@both
@pytest.mark.parametrize(
    "number",
    [
        pytest.param(b"1e999999999", id="exponent"),
        pytest.param(b"1e" + b"9" * 100_000, id="long-exponent"),
        pytest.param(b"9" * 1_000_000, id="digits"),
        pytest.param(b"0." + b"0" * 1_000_000 + b"1", id="fraction"),
        pytest.param(b"-" + b"1" * 1_000_000 + b"e-999999", id="shifted"),
    ],
)
@pytest.mark.parametrize("quote", [b"", b'"'], ids=["bare", "quoted"])
def test_a_number_of_any_length_is_refused_by_its_text(
    number: bytes, quote: bytes, dialect: Dialect
) -> None:
    """etcd's: the text names the number. Ours: Python's limit on digits is never met."""
    with pytest.raises(DecodeError) as caught:
        decode(RANGE, b'{"limit":' + quote + number + quote + b"}", dialect, max_depth=5)
    assert number[:1000].decode() in str(caught.value)
    assert len(str(caught.value)) < 5000
    assert "int64" in str(caught.value)


def test_a_million_zeros_shifted_away_leave_the_number() -> None:
    """etcd's, 3.6 on."""
    body = b'{"limit":7' + b"0" * 1_000_000 + b"e-1000000}"
    assert decode(RANGE, body, Dialect.PROTOJSON, max_depth=5).limit == 7  # type: ignore[attr-defined]


@both
@pytest.mark.parametrize(
    ("unit", "meaning"),
    [
        pytest.param("\\n", "\n", id="escapes"),
        pytest.param("\\ud83d\\ude00", "😀", id="pairs"),
        pytest.param("\\\\ud800", "\\ud800", id="escaped-backslashes"),
        pytest.param("é", "é", id="plain"),
    ],
)
def test_a_long_string_is_read_whole(unit: str, meaning: str, dialect: Dialect) -> None:
    message = decode(USER, f'{{"name":"{unit * 100_000}"}}'.encode(), dialect, max_depth=5)
    assert message.name == meaning * 100_000  # type: ignore[attr-defined]


def test_the_one_broken_pair_behind_many_sound_ones_is_found() -> None:
    """etcd's, 3.6 on."""
    body = '{"name":"' + "\\ud83d\\ude00" * 100_000 + '\\ud800-------"}'
    with pytest.raises(DecodeError, match=r"^proto: syntax .*1:9\): invalid escape code"):
        decode(USER, body.encode(), Dialect.PROTOJSON, max_depth=5)


@both
@pytest.mark.parametrize(
    "element",
    ["1", "[]", "{}", "[[1]]", "[[[1],2],3]", '{"a":{"b":{"c":0}}}', '"\\n"', " [ ] ", "null"],
)
def test_unknown_values_of_many_small_parts_are_skipped(element: str, dialect: Dialect) -> None:
    body = '{"a":[' + ",".join([element] * 20_000) + '],"key":"Zm9v"}'
    message = decode(RANGE, body.encode(), dialect, max_depth=5)
    assert message.key == b"foo"  # type: ignore[attr-defined]


@both
def test_a_fault_behind_many_small_parts_is_found(dialect: Dialect) -> None:
    body = b'{"a":[' + b"[1,{},[2]]," * 20_000 + b"x]}"
    with pytest.raises(
        DecodeError, match=r"^invalid character 'x' looking for beginning of value$"
    ):
        decode(RANGE, body, dialect, max_depth=5)


def test_bytes_given_as_numbers_may_be_many() -> None:
    """etcd's, up to 3.5."""
    body = b'{"key":[' + b",".join([b"255"] * 100_000) + b"]}"
    assert decode(RANGE, body, Dialect.JSONPB, max_depth=5).key == b"\xff" * 100_000  # type: ignore[attr-defined]
