"""What calls are expected to cost: bytes, learned from recent replies.

A larger reply counts at once, smaller ones little by little. One interval is expected to take so
much at least that the number of ranges under way stays bounded, and so much at most that somebody's
large replies do not keep all others from asking for little.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError as ParseError

from etcd_asgi.etcd import proto
from etcd_asgi.settings import MIB, Limits

LIGHT = 256 * 1024
"""Bytes. Calls expected to cost no more do not reserve."""

_FIRST_ONE, _FIRST_MANY = 64 * 1024, 4 * MIB
"""Bytes expected of a reply for one key, and for an interval, before there has been any."""

_LEAST_ONE, _LEAST_MANY = 4 * 1024, MIB
"""Bytes expected at least. The second one bounds the number of ranges under way, however small the
last ones were: 256 of them by default."""

_SHARES = 16
"""Of the budget, one interval is expected to take at most one of so many parts."""

_DECAY_BITS = 3
"""Each smaller reply takes an eighth of the difference off what is expected."""

_RANGE_END = b"\x12"
"""The tag of ``range_end``: a serialized request without it asks for a single key."""


def cost_of_reply(size: int) -> int:
    """Bytes that a reply of *size* takes while it is converted: itself, and its JSON in base64."""
    return size * 5 // 2


class Asked(NamedTuple):
    """What a request asks for."""

    intervals: int
    keys: int
    """Single ones."""

    only_reads: bool = False
    """Whether it is a transaction without a write: see :mod:`etcd_asgi.calls.shielded`."""


ONE, INTERVAL = Asked(0, 1), Asked(1, 0)


class Sizes:
    """The expected cost of one kind of reply, in bytes.

    Args:
        first: before there has been a reply.
        least: at least.
        most: at most.
    """

    __slots__ = ("_least", "_most", "expected")

    def __init__(self, first: int, least: int, most: int = 2**62) -> None:
        self._least = least
        self._most = most
        self.expected = first

    def learn(self, cost: int) -> None:
        """Take note of what a reply cost."""
        if cost >= self.expected:
            self.expected = min(cost, self._most)
        else:
            less = self.expected - ((self.expected - cost) >> _DECAY_BITS) - 1
            self.expected = max(self._least, less)


class Weight:
    """The expected costs of one RPC's calls.

    Args:
        one: cost of a reply for one key; of any reply, where there is no *mark*.
        many: cost of the reply to an interval.
        mark: what every serialized request holds that may bring more than *one*; ``None``: there is
            none such. The caller looks for it, as most requests have it not.
    """

    __slots__ = ("_many", "mark", "one")

    def __init__(self, one: Sizes, many: Sizes, mark: bytes | None) -> None:
        self.one = one
        self._many = many
        self.mark = mark

    def heavy(self, request: bytes) -> Asked | None:
        """Look into a serialized request.

        Returns:
            ``None`` for a request whose call needs nothing but to be made, as most do.
        """
        asked = self.asked(request)
        return None if asked is ONE and self.one.expected <= LIGHT else asked

    def asked(self, request: bytes) -> Asked:
        """Count what a serialized request asks for."""
        return ONE if self.mark is None or self.mark not in request else INTERVAL

    def cost(self, asked: Asked) -> int:
        """Bytes that a call is expected to cost."""
        return asked.intervals * self._many.expected + asked.keys * self.one.expected

    def learn(self, asked: Asked, size: int) -> None:
        """Take note of the *size* of a reply."""
        if asked.intervals:
            self._many.learn(cost_of_reply(size) // asked.intervals)
        elif asked.keys:
            self.one.learn(cost_of_reply(size) // asked.keys)


class TxnWeight(Weight):
    """The expected costs of transactions, which are looked into."""

    __slots__ = ()

    def heavy(self, request: bytes) -> Asked | None:
        """See :meth:`Weight.heavy`."""
        asked = self.asked(request)
        is_light = not asked.intervals and self.cost(asked) <= LIGHT
        return None if is_light and not asked.only_reads else asked

    def asked(self, request: bytes) -> Asked:
        """See :meth:`Weight.asked`.

        Of a transaction that is nested too deeply for the parser the most is assumed: two tags are
        in each range.
        """
        try:
            return _txn(_txn_request().FromString(request))
        except ParseError:
            return Asked(max(1, request.count(b"\n") // 2), 0, only_reads=True)


@cache
def _txn_request() -> Any:
    return proto.message_class(proto.message_type("etcdserverpb.TxnRequest"))


def _txn(txn: Any) -> Asked:
    """Count what a transaction asks for: of its branches, that which reads more."""
    success, failure = _branch(txn.success), _branch(txn.failure)
    intervals, keys, _ = max(success, failure)
    return Asked(intervals, keys, success.only_reads and failure.only_reads)


def _branch(operations: Any) -> Asked:
    intervals, keys, only_reads = 0, 0, True
    for operation in operations:
        match operation.WhichOneof("request"):
            case "request_range":
                asked = _one(operation.request_range, is_told=True)
            case "request_put":
                asked = Asked(0, int(operation.request_put.prev_kv))
            case "request_delete_range":
                one = operation.request_delete_range
                asked = _one(one, is_told=one.prev_kv)._replace(only_reads=False)
            case "request_txn":
                asked = _txn(operation.request_txn)
            case _:
                asked = Asked(0, 0)
        intervals, keys = intervals + asked.intervals, keys + asked.keys
        only_reads = only_reads and asked.only_reads
    return Asked(intervals, keys, only_reads)


def _one(operation: Any, *, is_told: bool) -> Asked:
    is_interval = bool(operation.range_end)
    return Asked(int(is_told and is_interval), int(is_told and not is_interval), only_reads=True)


class ExpectedCosts:
    """The expected costs of all RPCs of a gateway.

    Args:
        limits: ``max_bytes_under_way`` bounds what one interval is expected to take.
    """

    def __init__(self, limits: Limits) -> None:
        self._most = max(_FIRST_MANY, limits.max_bytes_under_way // _SHARES)
        one, many = self._one(), self._many()
        self._weights = {
            "KV.Range": Weight(one, many, _RANGE_END),
            "KV.Txn": TxnWeight(one, many, b""),
            "KV.DeleteRange": Weight(self._one(), self._many(), _RANGE_END),
        }

    def of(self, rpc: str) -> Weight:
        """Return those of an RPC, named such as ``KV.Range``."""
        weight = self._weights.get(rpc)
        if weight is None:
            one = self._one()
            weight = self._weights[rpc] = Weight(one, one, None)
        return weight

    def _one(self) -> Sizes:
        return Sizes(_FIRST_ONE, _LEAST_ONE)

    def _many(self) -> Sizes:
        return Sizes(_FIRST_MANY, _LEAST_MANY, self._most)
