"""A budget of bytes for large responses, so that many at once do not take all memory.

Rule 1: a call with a large expected cost reserves it before it is sent to etcd. If there is no
room, it waits: first come, first served, for a limited time.
Rule 2: the reply is charged with its real cost until the client has it. If that is more than
expected and there is no room, it waits before it is converted; one at a time goes on in any
case, so that waiting replies never wait for each other.
Rule 3: calls with a small expected cost neither reserve nor wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import NamedTuple

from etcd_asgi.calls.freed_memory import FreedMemory
from etcd_asgi.errors import UpstreamError
from etcd_asgi.per_loop import PerLoop
from etcd_asgi.settings import Limits
from etcd_asgi.status import Code


class Hold:
    """Bytes of a budget that one call has, until it is closed."""

    __slots__ = ("_is_going", "_ledger", "size")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._is_going = False
        self.size = 0
        """Bytes. Change it with :meth:`resize`."""

    async def reserve(self, cost: int, wait: float) -> None:
        """Wait until there is room for a call that is expected to cost *cost* bytes.

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
        """Take *cost* bytes for a reply that is being converted or sent."""
        self._is_going = True
        self._ledger.going += 1
        self.resize(cost)

    def resize(self, size: int) -> None:
        """Take or give back bytes up to *size*, even if there is no room."""
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

    def moved(self) -> Hold:
        """Give all to another hold, and return that."""
        other = Hold(self._ledger)
        other.resize(self.size)
        self.resize(0)
        return other


class _Waiter(NamedTuple):
    future: asyncio.Future[None]
    hold: Hold
    cost: int


class Ledger:
    """The budget of one event loop.

    Args:
        size: bytes.
        freed: gives memory back after each large response.
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
        """Check that a call may be sent: there is room for it, or it is alone."""
        return not self.replies and (self.held + cost <= self._size or not self.held)

    def may_go_on(self, more: int) -> bool:
        """Check that a reply may take *more* bytes: there is room, or it is the only one."""
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
        """Wake the waiters that there is room for, in their order."""
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
        self._ledgers = PerLoop(partial(Ledger, limits.max_bytes_under_way, freed))

    def hold(self) -> Hold:
        """Make a hold of nothing yet, on the running event loop."""
        return Hold(self._ledgers.here())

    @property
    def held(self) -> int:
        """Return the bytes that calls of the running event loop have."""
        return self._ledgers.here().held
