"""The keys that one request reads, however many ranges it has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_asgi.errors import Denied
from etcd_asgi.policy import range_limits
from tests.unit.namespace.messages import new

ALL = b"z"


def one(limit: int = 0, end: bytes = ALL, **fields: Any) -> Any:
    return new("RangeRequest", key=b"a", range_end=end, limit=limit, **fields)


def txn(success: list[Any], failure: list[Any] | None = None) -> Any:
    message = new("TxnRequest")
    for branch, operations in ((message.success, success), (message.failure, failure or [])):
        for operation in operations:
            is_range = operation.DESCRIPTOR.name == "RangeRequest"
            part = branch.add()
            (part.request_range if is_range else part.request_txn).CopyFrom(operation)
    return message


def limits(operations: Any) -> list[Any]:
    """The limits of ranges, those of a transaction as a list of two lists."""
    found: list[Any] = []
    for operation in operations:
        if operation.HasField("request_range"):
            found.append(operation.request_range.limit)
        else:
            inner = operation.request_txn
            found.append([limits(inner.success), limits(inner.failure)])
    return found


def limited(message: Any, most: int) -> list[Any]:
    range_limits.apply("KV.Txn", message, most)
    return [limits(message.success), limits(message.failure)]


@pytest.mark.parametrize(("asked", "given_"), [(0, 7), (-1, 7), (3, 3), (7, 7), (8, 7)])
def test_a_range_gets_what_it_asks_up_to_the_limit(asked: int, given_: int) -> None:
    message = one(asked)
    range_limits.apply("KV.Range", message, 7)
    assert message.limit == given_


@pytest.mark.parametrize("rpc", ["KV.Put", "KV.DeleteRange", "Watch.Watch", "Lock.Lock"])
def test_other_requests_are_left_alone(rpc: str) -> None:
    range_limits.apply(rpc, object(), 1)


def test_ranges_without_a_limit_share_evenly() -> None:
    assert limited(txn([one(), one(), one()]), 10) == [[3, 3, 4], []]


def test_each_branch_has_the_whole_limit() -> None:
    assert limited(txn([one(), one()], [one()]), 10) == [[5, 5], [10]]


def test_a_range_of_one_key_takes_one_and_so_does_one_that_counts() -> None:
    message = txn([one(end=b""), one(count_only=True), one()])
    assert limited(message, 10) == [[0, 0, 8], []]


def test_limits_are_kept_before_others_share_what_is_left() -> None:
    assert limited(txn([one(), one(4), one(), one(2)]), 12) == [[3, 4, 3, 2], []]


def test_limits_that_ask_for_too_much_are_cut_in_their_order() -> None:
    assert limited(txn([one(5), one(100), one(9), one()]), 12) == [[5, 5, 1, 1], []]


def test_transactions_within_share_too_and_count_as_their_larger_branch() -> None:
    message = txn([one(), txn([one(), one()], [one()]), one()])
    assert limited(message, 8) == [[2, [[2, 2], [4]], 2], []]


def test_a_limit_within_is_kept_while_there_is_room() -> None:
    message = txn([txn([one(6), one()]), one()])
    assert limited(message, 10) == [[[[6, 2], []], 2], []]


@pytest.mark.parametrize(
    "message",
    [
        txn([one(), one(1), one(end=b"")]),
        txn([], [one(), one(), one()]),
        txn([one(), txn([one(), one()])]),
        txn([txn([one()], [one(), one()]), txn([one()])]),
    ],
)
def test_more_ranges_than_keys_are_refused(message: Any) -> None:
    with pytest.raises(
        Denied, match=r"with 3 ranges is not granted.* share a limit of 2"
    ) as caught:
        range_limits.apply("KV.Txn", message, 2)
    assert caught.value.status == 403
    range_limits.apply("KV.Txn", message, 3)


RANGES = st.builds(
    one,
    st.integers(-2, 50),
    st.sampled_from([b"", ALL]),
    count_only=st.booleans(),
)
TXNS = st.recursive(
    st.builds(txn, st.lists(RANGES, max_size=4), st.lists(RANGES, max_size=4)),
    lambda inner: st.builds(
        txn, st.lists(RANGES | inner, max_size=4), st.lists(RANGES | inner, max_size=4)
    ),
    max_leaves=5,
)


def most_keys(message: Any) -> float:
    """The keys of the branches that give most."""
    return max(
        sum(
            most_keys(part.request_txn)
            if part.HasField("request_txn")
            else keys_of(part.request_range)
            for part in branch
        )
        for branch in (message.success, message.failure)
    )


def keys_of(message: Any) -> float:
    if message.count_only or not message.range_end:
        return 1
    return message.limit if message.limit > 0 else float("inf")


@given(message=TXNS, most=st.integers(1, 60))
def test_no_transaction_reads_more_than_the_limit(message: Any, most: int) -> None:
    asked = most_keys(message)
    try:
        range_limits.apply("KV.Txn", message, most)
    except Denied:
        return
    assert most_keys(message) <= most
    if asked <= most:
        assert most_keys(message) == asked
