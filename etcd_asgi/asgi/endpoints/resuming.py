"""A streaming call whose answers are events: a watch goes on when etcd comes back."""

from __future__ import annotations

import asyncio
from random import uniform

from google.protobuf.message import Message

from etcd_asgi.asgi.event_stream import Events
from etcd_asgi.calls.call import Call
from etcd_asgi.calls.stream import Conversation, End, Input, Output
from etcd_asgi.calls.watch.open_watches import Watches
from etcd_asgi.calls.watch.position import WatchTrack
from etcd_asgi.errors import ClientDisconnected, UpstreamError
from etcd_asgi.status import Code
from etcd_asgi.upstream import UpstreamStream

_HEALED_BY_TIME = frozenset({Code.UNAVAILABLE, Code.INTERNAL})
"""Source: etcd client/v3/client.go, isHaltErr: what its own client takes up a watch again after."""

_LEAST_DELAY = 0.1
"""Seconds before the first attempt, at most; each further one waits up to twice as long."""

_ENDED = "etcd has ended the watch"
_SILENT = "etcd does not answer"


class Following(Conversation):
    """See :class:`Conversation`.

    Args:
        call: that is made.
        source: what the client sends.
        output: where the events go.
        track: of a watch.
        patient: whether an etcd that cannot be reached is waited for from the first call on: a
            browser that connects again would take any error for the end of it all.
    """

    __slots__ = ("_attempts", "_is_taken_up", "_lost_at", "_output",
                 "_patient", "_pause", "_track", "_unsent")  # fmt: skip

    def __init__(
        self,
        call: Call,
        source: Input,
        output: Events,
        track: WatchTrack | None,
        *,
        patient: bool,
    ) -> None:
        super().__init__(call, source)
        self._output = output
        self._track = track
        self._patient = patient
        self._lost_at: float | None = None
        self._attempts = 0
        self._is_taken_up = False
        """Whether a new call has the lost watch, and has not answered yet."""

        self._unsent: bytes | None = None
        """The request of that call, as long as it has not been sent."""

        self._pause: asyncio.Future[None] | None = None

    def end(self, how: End) -> None:
        """See :class:`Conversation`."""
        super().end(how)
        self._wake()

    async def _admitted(self, message: Message) -> bytes:
        if self._track is None:
            return await super()._admitted(message)
        self._track.asks(message)
        request = await super()._admitted(message)
        self._track.request(message)
        return request

    async def _receive(self, call: UpstreamStream, output: Output) -> bytes | None:
        self._output.start(lambda: self.end(ClientDisconnected()))
        while True:
            try:
                answer = await self._next(self._call or call, output)
            except UpstreamError as error:
                if not self._is_healed_by_time(error.code):
                    raise
                # Not the error itself: it would keep the frames of a call that is over.
                code, message, local = error.code, error.message, error.local
            else:
                if answer is not None:
                    self._lost_at, self._is_taken_up = None, False
                if answer is not None or not self._is_healed_by_time(Code.UNAVAILABLE):
                    return answer
                code, message, local = Code.UNAVAILABLE, _ENDED, False
            await self._resume(code, message, local=local)

    async def _next(self, call: UpstreamStream, output: Output) -> bytes | None:
        """The next answer. The first to a watch that is taken up comes soon, or never.

        etcd answers at once. One that has just come back, or is about to go, may let a call wait
        for ever, and the client, who has an open response, would never know.
        """
        if not self._is_taken_up:
            return await super()._receive(call, output)
        try:
            async with asyncio.timeout(self.rpc.limits.connect_timeout):
                request, self._unsent = self._unsent, None
                if request is not None:
                    await call.send(request)  # if the call is over, the next line says why
                return await super()._receive(call, output)
        except TimeoutError:
            pass
        raise UpstreamError(Code.UNAVAILABLE, _SILENT, local=True)

    def _is_healed_by_time(self, code: int) -> bool:
        if self._ends or self._track is None or not self._track.resumable:
            return False
        return self._input_over and code in _HEALED_BY_TIME

    async def _resume(self, code: int, message: str, *, local: bool) -> None:
        """Take up the watch again, after a pause.

        Args:
            code: of the error that the watch was lost with.
            message: of that error.
            local: of that error.

        Raises:
            UpstreamError: etcd has been gone for too long, or the conversation was ended.
        """
        now, limits = self.loop.time(), self.rpc.limits
        if self._lost_at is None:
            self._lost_at, self._attempts = now, 0
        is_begun = self._output.begun
        is_over = now - self._lost_at >= limits.resume_time
        if is_over or not (is_begun or self._patient):
            raise UpstreamError(code, message, local=local)
        if not is_begun:
            await self._output.add(b": waiting for etcd\n\n")
        longest = min(limits.max_reconnect_delay, _LEAST_DELAY * 2**self._attempts)
        self._attempts = min(self._attempts + 1, 20)
        await self._wait(uniform(longest / 2, longest))  # noqa: S311 - no secret
        if self._ends:
            raise self._ends[0] or UpstreamError(code, message, local=local)
        self._call_again()

    def _call_again(self) -> None:
        assert self._track is not None
        if self._call is not None:
            self._call.cancel()  # it may be open yet, where etcd gave up but one of its watches
        request = self._track.again()
        self._is_taken_up = True
        self._watches = Watches()
        self._watches.request(request)
        self._unsent = request.SerializeToString()
        self._call = self.rpc.bidi()

    async def _wait(self, seconds: float) -> None:
        """Wait, but not for longer than the conversation lasts."""
        self._pause = self.loop.create_future()
        timer = self.loop.call_later(seconds, self._wake)
        try:
            await self._pause
        finally:
            timer.cancel()
            self._pause = None

    def _wake(self) -> None:
        if self._pause is not None and not self._pause.done():
            self._pause.set_result(None)
