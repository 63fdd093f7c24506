"""Pending work of a gateway: counted together, up to one limit, and ended together."""

from __future__ import annotations

import asyncio
from typing import Protocol

from etcd_asgi.errors import GatewayClosing, UpstreamError
from etcd_asgi.status import Code


class Pending(Protocol):
    """Pending work: a streaming call, a WebSocket, a unary call or a request body."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the event loop that it waits on."""
        ...

    def end(self, how: UpstreamError) -> None:
        """End it from this side, as the gateway is closed."""
        ...


class OpenStreams:
    """The pending work of one gateway, up to a limit.

    Args:
        limit: the most at a time.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: set[Pending] = set()

    def __len__(self) -> int:
        return len(self._open)

    def entered(self, one: Pending) -> Place:
        """Count *one* in, for as long as the context lasts.

        Raises:
            UpstreamError: there are too many.
        """
        self.take(one)
        return Place(self, one)

    def take(self, one: Pending) -> None:
        """Count *one* in.

        Raises:
            UpstreamError: there are too many.
        """
        if len(self._open) >= self._limit:
            raise UpstreamError(
                Code.RESOURCE_EXHAUSTED,
                f"too many open streams and waiting requests: this gateway takes {self._limit}"
                " (Limits.max_streams)",
                local=True,
            )
        self._open.add(one)

    def give_back(self, one: Pending) -> None:
        """Count *one* out, if it was counted."""
        self._open.discard(one)

    def end_all(self) -> None:
        """End all pending work of the running event loop, as the gateway closes."""
        loop = asyncio.get_running_loop()
        for one in list(self._open):
            if one.loop is loop:
                one.end(GatewayClosing())


class Place:
    """The place of pending work, as a context manager."""

    __slots__ = ("_among", "_one")

    def __init__(self, among: OpenStreams, one: Pending) -> None:
        self._among = among
        self._one = one

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._among.give_back(self._one)
