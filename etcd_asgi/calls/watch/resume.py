"""A watch that is resumed when etcd comes back, whatever the form of the response."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from copy import copy
from random import uniform

from etcd_asgi.calls.watch.state import WatchState
from etcd_asgi.errors import UpstreamError
from etcd_asgi.etcd.error_texts import CANCELLED
from etcd_asgi.settings import Limits
from etcd_asgi.status import Code
from etcd_asgi.upstream import UpstreamStream

_HEALED_BY_TIME = frozenset({Code.UNAVAILABLE, Code.INTERNAL})
"""Source: etcd client/v3/client.go, isHaltErr: codes after which its own client resumes a watch."""

_LEAST_DELAY = 0.1
"""Seconds before the first attempt, at most; each further one waits up to twice as long."""

_ENDED = "etcd has ended the watch"
_SILENT = "etcd does not answer"

MayWait = Callable[[], Awaitable[bool]]
"""Function that returns true if the client may wait for etcd, after sending it a response."""


class ResumingStream:
    """See :class:`~etcd_asgi.upstream.transport.UpstreamStream`: the stream of one watch.

    When it is lost, a new one is opened after a pause, and begins where the lost one was. *state*
    knows if that can be done, so each reply must have passed it before the next is received.

    Args:
        open_stream: opens a stream to etcd for it.
        state: of the watch.
        limits: ``resume_time``, ``max_reconnect_delay`` and ``connect_timeout`` of the call.
        may_wait: asked before each pause.
    """

    __slots__ = ("_attempts", "_cancelled", "_inner", "_is_resumed", "_limits", "_loop", "_lost_at",
                 "_may_wait", "_open_stream", "_pause", "_state", "_unsent")  # fmt: skip

    def __init__(
        self,
        open_stream: Callable[[], UpstreamStream],
        state: WatchState,
        limits: Limits,
        may_wait: MayWait,
    ) -> None:
        self._open_stream = open_stream
        self._limits = limits
        self._state = state
        self._may_wait = may_wait
        self._loop = asyncio.get_running_loop()
        self._inner = open_stream()
        self._cancelled = False
        self._lost_at: float | None = None
        self._attempts = 0
        self._is_resumed = False
        """True when a new stream has the lost watch, and no reply has come on it yet."""

        self._unsent: bytes | None = None
        """The request of that stream, as long as it has not been sent."""

        self._pause: asyncio.Future[None] | None = None

    async def send(self, request: bytes) -> bool:
        """See :class:`~etcd_asgi.upstream.transport.UpstreamStream`."""
        return await self._inner.send(request)

    async def half_close(self) -> None:
        """See :class:`~etcd_asgi.upstream.transport.UpstreamStream`."""
        await self._inner.half_close()

    async def receive(self) -> bytes | None:
        """See :class:`~etcd_asgi.upstream.transport.UpstreamStream`."""
        while True:
            try:
                reply = await self._next()
            except UpstreamError as error:
                lost = copy(error)  # without the frames of a stream that is over
            else:
                if reply is not None:
                    self._lost_at, self._is_resumed = None, False
                    return reply
                if self._cancelled or not self._state.is_resumable:
                    return None
                lost = UpstreamError(Code.UNAVAILABLE, _ENDED)
            await self.resume(lost)

    def cancel(self) -> None:
        """See :class:`~etcd_asgi.upstream.transport.UpstreamStream`."""
        self._cancelled = True
        self._inner.cancel()
        self._wake()

    async def resume(self, lost: UpstreamError) -> None:
        """Resume the watch, after a pause.

        Args:
            lost: the error that it was lost with.

        Raises:
            UpstreamError: it cannot be resumed, etcd has been away for too long, or the stream is
                cancelled.
        """
        if self._cancelled or not self._state.is_resumable or lost.code not in _HEALED_BY_TIME:
            raise lost
        now, limits = self._loop.time(), self._limits
        if self._lost_at is None:
            self._lost_at, self._attempts = now, 0
        if now - self._lost_at >= limits.resume_time or not await self._may_wait():
            raise lost
        longest = min(limits.max_reconnect_delay, _LEAST_DELAY * 2**self._attempts)
        self._attempts = min(self._attempts + 1, 20)
        await self._wait(uniform(longest / 2, longest))  # noqa: S311 - no secret
        if self._cancelled:
            raise UpstreamError(Code.CANCELLED, CANCELLED)
        self._open_again()

    async def _next(self) -> bytes | None:
        """Return the next reply. The first to a watch that is resumed comes soon, or never.

        etcd replies at once. One that is starting or stopping may let a call wait for ever, and the
        client, which has an open response, would never know.
        """
        inner = self._inner
        if not self._is_resumed:
            return await inner.receive()
        try:
            async with asyncio.timeout(self._limits.connect_timeout):
                request, self._unsent = self._unsent, None
                if request is not None:
                    await inner.send(request)  # if the stream is over, the next line says why
                return await inner.receive()
        except TimeoutError:
            pass
        raise UpstreamError(Code.UNAVAILABLE, _SILENT, local=True)

    def _open_again(self) -> None:
        self._inner.cancel()  # it may be open yet, where etcd gave up but one of its watches
        self._unsent = self._state.resumed().SerializeToString()
        self._is_resumed = True
        self._inner = self._open_stream()

    async def _wait(self, seconds: float) -> None:
        """Wait, but not for longer than the stream lasts."""
        self._pause = self._loop.create_future()
        timer = self._loop.call_later(seconds, self._wake)
        try:
            await self._pause
        finally:
            timer.cancel()
            self._pause = None

    def _wake(self) -> None:
        if self._pause is not None and not self._pause.done():
            self._pause.set_result(None)
