"""The connections to all targets for one kind of calls, and the calls under way on them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from etcd_asgi.settings import Limits
from etcd_asgi.upstream.failover import Failover
from etcd_asgi.upstream.transport import Connection


class CallUnderWay(Protocol):
    """Call that has begun and not ended."""

    def end(self) -> None:
        """End it from this side."""
        ...


class Connections:
    """Connections of one event loop, opened together, and closed when their calls have ended.

    Args:
        opened: one to each target, in the order of preference.
        limits: ``close_timeout`` is how long calls may take to end.
    """

    def __init__(self, opened: Sequence[Connection], limits: Limits) -> None:
        self._opened = opened
        self._close_timeout = limits.close_timeout
        self.failover = Failover(opened, limits)
        self.calls: set[CallUnderWay] = set()
        """Those under way. Small ones are added without a function."""

        self.drained: Callable[[], None] | None = None
        """Called at the end of the last of them, once no call will begin any more."""

    def ended(self, call: CallUnderWay) -> None:
        """Take note that *call* has ended."""
        self.calls.discard(call)
        self.check_drained()

    def check_drained(self) -> None:
        """Call what waits for the end of all calls, if they have ended."""
        if self.drained is not None and not self.calls:
            self.drained()

    def retire(self, drained: Callable[[], None]) -> None:
        """Call *drained* when the last call has ended, as no other will begin."""
        self.drained = drained
        self.check_drained()

    async def aclose(self) -> None:
        """Close all connections; calls that do not end in time are ended."""
        await self.failover.aclose()
        if self.calls:
            await self._drain()
        for call in list(self.calls):
            call.end()
        for connection in self._opened:
            await connection.close()

    async def _drain(self) -> None:
        """Wait for the calls under way, for as long as closing may take."""
        over = asyncio.get_running_loop().create_future()
        self.drained = lambda: None if over.done() else over.set_result(None)
        await asyncio.wait({over}, timeout=self._close_timeout)
