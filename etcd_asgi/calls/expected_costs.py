"""Expected costs of calls: bytes, learned from recent replies.

A larger reply counts at once, smaller ones little by little. The least cost of an interval limits
the number of ranges under way; its greatest cost keeps large replies of one client from blocking
the small ones of all others.
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
"""Bytes expected at least. The second one limits the number of ranges under way, however small the
last ones were: 256 of them by default."""

_SHARES = 16
"""Shares of the budget, of which one interval is expected to take one at most."""

_DECAY_BITS = 3
"""Each smaller reply takes an eighth of the difference off the expected cost."""

_RANGE_END = b"\x12"
"""The tag of ``range_end``: a serialized request without it asks for a single key."""


def cost_of_reply(size: int) -> int:
    """Return the bytes that a reply takes while it is converted: itself, and its base64 JSON."""
    return size * 5 // 2


class Asked(NamedTuple):
    """Numbers of intervals and of single keys that a request asks for."""

    intervals: int
    keys: int

    only_reads: bool = False
    """True for a transaction without a write: see :mod:`etcd_asgi.calls.shielded`."""


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
        """Take note of the cost of a reply."""
        if cost >= self.expected:
            self.expected = min(cost, self._most)
        else:
            less = self.expected - ((self.expected - cost) >> _DECAY_BITS) - 1
            self.expected = max(self._least, less)


class RpcCosts:
    """The expected costs of one RPC's calls.

    Args:
        one: cost of a reply for one key; of any reply, where there is no *mark*.
        many: cost of the reply to an interval.
        mark: bytes in every serialized request that may bring more than *one*; ``None``: no request
            may. The caller looks for it, as most requests do not have it.
    """

    __slots__ = ("_many", "mark", "one")

    def __init__(self, one: Sizes, many: Sizes, mark: bytes | None) -> None:
        self.one = one
        self._many = many
        self.mark = mark

    def heavy(self, request: bytes) -> Asked | None:
        """Look into a serialized request.

        Returns:
            ``None`` for a request that needs neither room in the budget nor a shield, as most do.
        """
        asked = self.asked(request)
        return None if asked is ONE and self.one.expected <= LIGHT else asked

    def asked(self, request: bytes) -> Asked:
        """Count what a serialized request asks for."""
        return ONE if self.mark is None or self.mark not in request else INTERVAL

    def expected(self, asked: Asked) -> int:
        """Return the bytes that a call is expected to cost."""
        return asked.intervals * self._many.expected + asked.keys * self.one.expected

    def learn(self, asked: Asked, size: int) -> None:
        """Take note of the *size* of a reply."""
        if asked.intervals:
            self._many.learn(cost_of_reply(size) // asked.intervals)
        elif asked.keys:
            self.one.learn(cost_of_reply(size) // asked.keys)


class TxnCosts(RpcCosts):
    """The expected costs of transactions, which are looked into."""

    __slots__ = ()

    def heavy(self, request: bytes) -> Asked | None:
        """See :meth:`RpcCosts.heavy`."""
        asked = self.asked(request)
        is_light = not asked.intervals and self.expected(asked) <= LIGHT
        return None if is_light and not asked.only_reads else asked

    def asked(self, request: bytes) -> Asked:
        """See :meth:`RpcCosts.asked`.

        A transaction that is nested too deeply for the parser counts as ranges alone, each of which
        has two tags.
        """
        try:
            return _txn(_txn_request().FromString(request))
        except ParseError:
            return Asked(max(1, request.count(b"\n") // 2), 0, only_reads=True)


@cache
def _txn_request() -> Any:
    return proto.message_class(proto.message_type("etcdserverpb.TxnRequest"))


def _txn(txn: Any) -> Asked:
    """Count the keys and intervals of a transaction: those of its larger branch."""
    success, failure = _branch(txn.success), _branch(txn.failure)
    intervals, keys, _ = max(success, failure)
    return Asked(intervals, keys, success.only_reads and failure.only_reads)


def _branch(operations: Any) -> Asked:
    intervals, keys, only_reads = 0, 0, True
    for operation in operations:
        match operation.WhichOneof("request"):
            case "request_range":
                asked = _one(operation.request_range, is_returned=True)
            case "request_put":
                asked = Asked(0, int(operation.request_put.prev_kv))
            case "request_delete_range":
                one = operation.request_delete_range
                asked = _one(one, is_returned=one.prev_kv)._replace(only_reads=False)
            case "request_txn":
                asked = _txn(operation.request_txn)
            case _:
                asked = Asked(0, 0)
        intervals, keys = intervals + asked.intervals, keys + asked.keys
        only_reads = only_reads and asked.only_reads
    return Asked(intervals, keys, only_reads)


def _one(operation: Any, *, is_returned: bool) -> Asked:
    is_interval = bool(operation.range_end)
    intervals, keys = is_returned and is_interval, is_returned and not is_interval
    return Asked(int(intervals), int(keys), only_reads=True)


class ExpectedCosts:
    """The expected costs of all RPCs of a gateway.

    Args:
        limits: ``max_bytes_under_way`` limits the expected cost of one interval.
    """

    def __init__(self, limits: Limits) -> None:
        self._most = max(_FIRST_MANY, limits.max_bytes_under_way // _SHARES)
        one, many = self._one(), self._many()
        self._by_rpc = {
            "KV.Range": RpcCosts(one, many, _RANGE_END),
            "KV.Txn": TxnCosts(one, many, b""),
            "KV.DeleteRange": RpcCosts(self._one(), self._many(), _RANGE_END),
        }

    def of(self, rpc: str) -> RpcCosts:
        """Return the costs of an RPC, named such as ``KV.Range``."""
        costs = self._by_rpc.get(rpc)
        if costs is None:
            one = self._one()
            costs = self._by_rpc[rpc] = RpcCosts(one, one, None)
        return costs

    def _one(self) -> Sizes:
        return Sizes(_FIRST_ONE, _LEAST_ONE)

    def _many(self) -> Sizes:
        return Sizes(_FIRST_MANY, _LEAST_MANY, self._most)
