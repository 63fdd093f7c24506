"""A budget of bytes for large responses, so that many at once do not take all memory.

Rule 1: a call that may bring much reserves what it is expected to bring before it is sent to etcd.
If there is no room, it waits: first come, first served, for a limited time.
Rule 2: when the reply is there, it is charged with what it really takes until the client has it. If
it is more than expected and there is no room, it waits before it is converted; one at a time
goes on in any case, so that those that wait never wait for each other.
Rule 3: calls that are expected to bring little neither reserve nor wait.

The size of a reply is expected from recent ones: a larger one counts at once, smaller ones little
by little.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import cache
from types import TracebackType
from typing import Any, NamedTuple, Self

from google.protobuf.message import DecodeError as ParseError

from etcd_asgi import proto
from etcd_asgi.errors import UpstreamError
from etcd_asgi.memory import FreedMemory
from etcd_asgi.settings import Limits
from etcd_asgi.status import Code

_MIB = 1024 * 1024

LIGHT = 256 * 1024
"""Bytes. Calls expected to cost no more do not reserve."""

_FIRST_ONE, _FIRST_MANY = 64 * 1024, 4 * _MIB
"""Bytes expected of a reply for one key, and for an interval, before there has been any."""

_LEAST_ONE, _LEAST_MANY = 4 * 1024, _MIB
"""Bytes expected at least. As sizes of replies are known only afterwards, the second one bounds the
number of ranges under way, however small the last ones were: 256 of them by default."""

_SHARES = 16
"""Of the budget, one interval is expected to take at most one of so many parts."""

_DECAY_BITS = 3
"""Each smaller reply takes an eighth of the difference off what is expected."""


def cost_of_reply(size: int) -> int:
    """Bytes that a reply of *size* takes while it is converted: itself, and its JSON in base64."""
    return size * 5 // 2


def too_long(size: int, limit: int) -> UpstreamError:
    """Make the error of a message of etcd's that has *size* bytes, more than *limit*."""
    text = (
        f"etcd's response has {size} bytes, and this gateway takes at most {limit}"
        " (Limits.max_answer_bytes): ask for fewer keys, with limit, keys_only or a smaller range,"
        " for fewer ranges in one transaction, or for a watch with fragment; what the request was"
        " to write is written"
    )
    return UpstreamError(Code.RESOURCE_EXHAUSTED, text, local=True)


class Sizes:
    """The expected cost of one kind of reply.

    Args:
        first: bytes, before there has been a reply.
        least: bytes expected at least.
        most: bytes expected at most, so that somebody's large replies do not keep all others from
            asking for little.
    """

    __slots__ = ("_least", "_most", "expected")

    def __init__(self, first: int, least: int, most: int = 2**62) -> None:
        self._least = least
        self._most = most
        self.expected = first
        """Bytes."""

    def learn(self, cost: int) -> None:
        """Take note of what a reply cost."""
        if cost >= self.expected:
            self.expected = min(cost, self._most)
        else:
            less = self.expected - ((self.expected - cost) >> _DECAY_BITS) - 1
            self.expected = max(self._least, less)


_RANGE_END = 0x12
"""The tag of ``range_end``: a serialized request without this byte asks for a single key. It is a
number, as one is found sooner among bytes."""

Parts = tuple[int, int]
"""How many intervals, and how many single keys, a request asks for."""

ONE: Parts = (0, 1)


class Weight:
    """The expected costs of one RPC's calls.

    Args:
        one: cost of a reply for one key; of any reply, where *mark* is empty.
        many: cost of the reply to an interval.
        mark: a byte that every request has that may bring more than *one*; none has ``None``.
    """

    __slots__ = ("_many", "_mark", "_one")

    def __init__(self, one: Sizes, many: Sizes, mark: int | None) -> None:
        self._one = one
        self._many = many
        self._mark = mark

    def is_light(self, request: bytes) -> bool:
        """Tell whether a serialized request's call is expected to cost little."""
        mark = self._mark
        return self._one.expected <= LIGHT and (mark is None or mark not in request)

    def parts(self, request: bytes) -> Parts:
        """Count the intervals and the single keys that a serialized request asks for."""
        if self._mark is None or self._mark not in request:
            return ONE
        return 1, 0

    def cost(self, parts: Parts) -> int:
        """Bytes that a call is expected to cost."""
        intervals, keys = parts
        return intervals * self._many.expected + keys * self._one.expected

    def learn(self, parts: Parts, size: int) -> None:
        """Take note of the *size* of a reply."""
        intervals, keys = parts
        if intervals:
            self._many.learn(cost_of_reply(size) // intervals)
        elif keys:
            self._one.learn(cost_of_reply(size) // keys)


class TxnWeight(Weight):
    """The expected costs of transactions, in which what is read is counted."""

    __slots__ = ()

    def is_light(self, request: bytes) -> bool:
        """Tell whether a serialized request's call is expected to cost little."""
        parts = self.parts(request)
        return not parts[0] and self.cost(parts) <= LIGHT

    def parts(self, request: bytes) -> Parts:
        """Count the intervals and the single keys that a serialized request asks for.

        One that is nested too deeply for the parser has at most as many: two tags are in each.
        """
        try:
            return _count(_txn_request().FromString(request))
        except ParseError:
            return max(1, request.count(b"\n") // 2), 0


@cache
def _txn_request() -> Any:
    return proto.message_class(proto.message_type("etcdserverpb.TxnRequest"))


def _count(txn: Any) -> Parts:
    """Count what a transaction reads: intervals and single keys of the branch with more of them."""
    return max(_count_branch(txn.success), _count_branch(txn.failure))


def _count_branch(operations: Any) -> Parts:
    intervals = keys = 0
    for operation in operations:
        match operation.WhichOneof("request"):
            case "request_put":
                keys += operation.request_put.prev_kv
            case "request_range":
                is_interval = bool(operation.request_range.range_end)
                intervals += is_interval
                keys += not is_interval
            case "request_delete_range":
                one = operation.request_delete_range
                intervals += one.prev_kv and bool(one.range_end)
                keys += one.prev_kv and not one.range_end
            case "request_txn":
                more, ones = _count(operation.request_txn)
                intervals, keys = intervals + more, keys + ones
    return intervals, keys


class Hold:
    """Bytes of a budget that one call has. A context: they are given back at its end."""

    __slots__ = ("_is_going", "_ledger", "size")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._is_going = False
        self.size = 0
        """Bytes. Change it with :meth:`resize`."""

    async def reserve(self, cost: int, wait: float) -> None:
        """Wait until there is room for a call that is expected to cost so many bytes.

        Raises:
            UpstreamError: there was none after *wait* seconds.
        """
        ledger = self._ledger
        if not ledger.requests and ledger.may_begin(cost):
            self.resize(cost)
        else:
            await ledger.wait(ledger.requests, self, cost, wait)

    async def go_on(self, kept: int, cost: int, wait: float | None) -> None:
        """Wait until a reply may be converted.

        Args:
            kept: bytes that it takes meanwhile.
            cost: bytes that converting and sending it will take, *kept* included.
            wait: seconds at most; ``None``: as long as it takes.

        Raises:
            UpstreamError: there was no room in that time.
        """
        ledger = self._ledger
        if cost <= self.size or (not ledger.replies and ledger.may_go_on(cost - self.size)):
            self.go(cost)
        else:
            self.resize(max(kept, self.size))
            await ledger.wait(ledger.replies, self, cost, wait)

    def go(self, cost: int) -> None:
        """Have *cost* bytes for a reply that is being converted or sent."""
        self._is_going = True
        self._ledger.going += 1
        self.resize(cost)

    def resize(self, size: int) -> None:
        """Have *size* bytes, whether there is room or not."""
        ledger, less = self._ledger, self.size - size
        self.size = size
        ledger.held -= less
        if less > 0:
            ledger.wake()

    def close(self) -> None:
        """Give all back. It may be closed again."""
        if self._is_going:
            self._is_going = False
            self._ledger.going -= 1
            if self._ledger.freed is not None:
                self._ledger.freed.give_back_soon()
            self._ledger.wake()
        self.resize(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


class _Waiter(NamedTuple):
    future: asyncio.Future[None]
    hold: Hold
    cost: int


class Ledger:
    """The budget of one event loop.

    Args:
        size: bytes.
        freed: told of each large response that is over.
    """

    def __init__(self, size: int, freed: FreedMemory | None = None) -> None:
        self._size = size
        self.freed = freed
        self.held = 0
        """Bytes that calls have."""

        self.going = 0
        """Replies that are being converted or sent."""

        self.replies: deque[_Waiter] = deque()
        """Replies that wait to be converted: they come first."""

        self.requests: deque[_Waiter] = deque()
        """Calls that wait to be sent to etcd."""

    def may_begin(self, cost: int) -> bool:
        """Tell whether a call may be sent: there is room for it, or it is alone."""
        return not self.replies and (self.held + cost <= self._size or not self.held)

    def may_go_on(self, more: int) -> bool:
        """Tell whether a reply may take *more* bytes: there is room, or it is the only one."""
        return self.held + more <= self._size or not self.going

    async def wait(self, queue: deque[_Waiter], hold: Hold, cost: int, wait: float | None) -> None:
        """Wait in a queue until *hold* has been given *cost* bytes.

        Raises:
            UpstreamError: it was not, in *wait* seconds.
        """
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop.create_future(), hold, cost)
        timer = None if wait is None else loop.call_later(wait, self._give_up, waiter, wait)
        queue.append(waiter)
        try:
            await waiter.future
        finally:
            if timer is not None:
                timer.cancel()
            if not waiter.future.done() or waiter.future.cancelled() or waiter.future.exception():
                self.wake()  # those behind it may fit

    def wake(self) -> None:
        """Let those go on for whom there is room, in their order."""
        while self.replies:
            future, hold, cost = self.replies[0]
            if not future.done():
                if not self.may_go_on(cost - hold.size):
                    break
                hold.go(cost)
                future.set_result(None)
            self.replies.popleft()
        while self.requests:
            future, hold, cost = self.requests[0]
            if not future.done():
                if not self.may_begin(cost):
                    break
                hold.resize(cost)
                future.set_result(None)
            self.requests.popleft()

    def _give_up(self, waiter: _Waiter, wait: float) -> None:
        if not waiter.future.done():
            waiter.future.set_exception(self._no_room(waiter.hold, wait))

    def _no_room(self, hold: Hold, wait: float) -> UpstreamError:
        meanwhile = "; etcd has carried it out, but its response was dropped" if hold.size else ""
        text = (
            f"large responses under way use up this gateway's budget of {self._size} bytes"
            f" (Limits.max_bytes_under_way), and this call found no room in {wait:g} s{meanwhile}:"
            " try again later, or ask for less with limit or a smaller range"
        )
        return UpstreamError(Code.RESOURCE_EXHAUSTED, text, local=True)


class Budget:
    """The budget of a gateway: one of ``Limits.max_bytes_under_way`` for each event loop."""

    def __init__(self, limits: Limits, freed: FreedMemory | None = None) -> None:
        self._size = limits.max_bytes_under_way
        self._freed = freed
        most = max(_FIRST_MANY, limits.max_bytes_under_way // _SHARES)
        self._ledgers: dict[asyncio.AbstractEventLoop, Ledger] = {}
        self._one, self._many = Sizes(_FIRST_ONE, _LEAST_ONE), Sizes(_FIRST_MANY, _LEAST_MANY, most)
        self._weights = {
            "KV.Range": Weight(self._one, self._many, _RANGE_END),
            "KV.Txn": TxnWeight(self._one, self._many, None),
            "KV.DeleteRange": Weight(
                Sizes(_FIRST_ONE, _LEAST_ONE), Sizes(_FIRST_MANY, _LEAST_MANY, most), _RANGE_END
            ),
        }

    def weight(self, rpc: str) -> Weight:
        """Give the expected costs of an RPC, named such as ``KV.Range``."""
        weight = self._weights.get(rpc)
        if weight is None:
            sizes = Sizes(_FIRST_ONE, _LEAST_ONE)
            weight = self._weights[rpc] = Weight(sizes, sizes, None)
        return weight

    def hold(self) -> Hold:
        """Make a hold of nothing yet, on the running event loop."""
        return Hold(self._ledger())

    @property
    def held(self) -> int:
        """Bytes that calls of the running event loop have."""
        return self._ledger().held

    def _ledger(self) -> Ledger:
        loop = asyncio.get_running_loop()
        return self._ledgers.get(loop) or self._new_ledger(loop)

    def _new_ledger(self, loop: asyncio.AbstractEventLoop) -> Ledger:
        for one in [one for one in self._ledgers if one.is_closed()]:
            self._ledgers.pop(one, None)
        ledger = self._ledgers[loop] = Ledger(self._size, self._freed)
        return ledger
