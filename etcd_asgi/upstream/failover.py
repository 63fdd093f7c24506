"""The choice among several targets, and what happens to calls that cannot reach theirs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from etcd_asgi.deadline import Deadline
from etcd_asgi.errors import GatewayClosing, UpstreamError
from etcd_asgi.settings import Limits
from etcd_asgi.upstream.transport import Connection, TransportError

logger = logging.getLogger("etcd_asgi.upstream")

UNREACHABLE = "etcd is not reachable"
"""Reported to clients of calls that found no etcd. The reason may name addresses: it is logged."""

_WARNING_PAUSE = 1.0
"""Least seconds between two lines in the log that say the same."""


class Failover:
    """Choice among the connections to several targets: one is in use until it fails.

    Calls that were not sent are made once more, when etcd is back or on the next target. What was
    sent is not: nobody knows whether etcd carried it out.

    Args:
        connections: one to each target, in the order of preference.
        limits: ``restart_time`` and ``connect_timeout`` are ours.
    """

    def __init__(self, connections: Sequence[Connection], limits: Limits) -> None:
        self._connections = connections
        self._limits = limits
        self.current = connections[0]
        """The connection in use."""

        self.gone_since: float | None = None
        """When etcd was found to be gone, on the monotonic clock; ``None``: it is there."""

        self._warned = float("-inf")
        self._waiter: asyncio.Task[None] | None = None
        self._closed = False

    def note(self, error: TransportError, used: Connection) -> None:
        """Take the connection *used* out of use if *error*, of a call on it, says it is dead."""
        if error.unreachable:
            if self.gone_since is None:
                self.gone_since = time.monotonic()
            self._warn(error.text)
            self._change_over(used)

    async def may_call_again(
        self, error: TransportError, used: Connection, began: float, deadline: Deadline
    ) -> bool:
        """Wait for etcd after a call that was not sent; false: it cannot be made again.

        With several targets the wait goes on to each of the others, and there is time to connect
        to one even where it took all the patience to find the first one dead.

        Args:
            error: what the call ended with.
            used: the connection of that call.
            began: when, on the monotonic clock.
            deadline: of the call.
        """
        if error.sent or self._closed or self.gone_since is None:
            return False
        patience = min(self.gone_since, began) + self._limits.restart_time - time.monotonic()
        if used is not self.current:
            patience = max(patience, self._limits.connect_timeout)
        remaining = deadline.remaining()
        longest = patience if remaining is None else min(patience, remaining)
        return longest > 0 and await self._is_back(longest)

    async def aclose(self) -> None:
        """End the wait for etcd, for good."""
        self._closed = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.cancel()
            await asyncio.wait({self._waiter})

    async def _is_back(self, longest: float) -> bool:
        """Wait for a target; all calls that wait do so together."""
        if self._waiter is None or self._waiter.done():
            self._waiter = asyncio.get_running_loop().create_task(self._wait_for_one())
        waiter = self._waiter
        done, _ = await asyncio.wait({waiter}, timeout=longest)
        return bool(done) and not waiter.cancelled() and waiter.exception() is None

    async def _wait_for_one(self) -> None:
        """Wait until the connection in use is there, and use the next one while it is not."""
        while not await (tried := self.current).connect():
            self._change_over(tried)

    def _change_over(self, used: Connection) -> None:
        """Go on with the next connection, unless another call has seen to it already."""
        if used is self.current:
            index = self._connections.index(used) + 1
            self.current = self._connections[index % len(self._connections)]

    def _warn(self, reason: str) -> None:
        """Log why etcd is not reachable; not for each of the calls that find out together."""
        now = time.monotonic()
        if now - self._warned >= _WARNING_PAUSE:
            self._warned = now
            logger.warning("%s: %s", UNREACHABLE, reason)


def upstream_error(error: TransportError) -> UpstreamError:
    """Return *error* as callers get it."""
    if error.closing:
        return GatewayClosing(local=True)
    if error.unreachable:
        return UpstreamError(error.code, UNREACHABLE, local=True)
    return UpstreamError(error.code, error.text, local=error.local)
