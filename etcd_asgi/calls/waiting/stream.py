"""A call of Observe under way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from copy import copy
from typing import Any

from etcd_asgi.calls.waiting.pacer import Pacer
from etcd_asgi.deadline import exceeded
from etcd_asgi.errors import UpstreamError
from etcd_asgi.etcd.error_texts import CANCELLED
from etcd_asgi.status import Code
from etcd_asgi.upstream import UpstreamStream


class WaitingStream:
    """See :class:`~etcd_asgi.upstream.transport.UpstreamStream`.

    Its user sees it end at once, while etcd's call is cancelled in its turn.

    Args:
        call: etcd's, without a deadline.
        timeout: seconds until the deadline, or none.
        pacer: ends the call.
        release: called once, when the call has ended in etcd.
    """

    __slots__ = (
        "_call",
        "_error",
        "_is_over",
        "_pacer",
        "_reading",
        "_release",
        "_timer",
        "_woken",
    )

    def __init__(
        self,
        call: UpstreamStream,
        timeout: float | None,
        pacer: Pacer,
        release: Callable[[WaitingStream], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self._call, self._pacer, self._release = call, pacer, release
        self._reading: asyncio.Task[bytes | None] | None = None
        self._woken: asyncio.Future[None] = loop.create_future()
        self._error: UpstreamError | None = None
        self._is_over = False
        over = exceeded(local=False)
        self._timer = None if timeout is None else loop.call_later(timeout, self.end, over)

    async def send(self, request: bytes) -> bool:
        """Send a message; false when the call is over."""
        return not self._is_over and await self._call.send(request)

    async def half_close(self) -> None:
        """Close the sending side."""
        if not self._is_over:
            await self._call.half_close()

    async def receive(self) -> bytes | None:
        """Return the next message, or ``None`` at the end.

        Raises:
            UpstreamError: the call ended with a status other than OK, or was ended here.
        """
        if self._error is None:
            if self._reading is None:
                self._reading = asyncio.get_running_loop().create_task(self._read())
            either: set[asyncio.Future[Any]] = {self._reading, self._woken}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._error is not None:
            raise copy(self._error)
        assert self._reading is not None, "it has been waited for"
        reading, self._reading = self._reading, None
        try:
            reply = reading.result()
        except UpstreamError:
            self._finish()
            raise
        if reply is None:
            self._finish()
        return reply

    def cancel(self) -> None:
        """End the call."""
        self.end(UpstreamError(Code.CANCELLED, CANCELLED))

    def end(self, error: UpstreamError) -> None:
        """End the call with *error*: for its user at once, in etcd in its turn."""
        if self._is_over:
            return
        self._is_over, self._error = True, error
        self._stop_waiting()
        if self._reading is not None and self._reading.cancelling():
            self._release(self)  # the event loop ends, and takes all tasks with it
        else:
            self._pacer.add(self._clean)

    async def _read(self) -> bytes | None:
        return await self._call.receive()

    def _finish(self) -> None:
        """Give everything back: etcd has ended the call."""
        if not self._is_over:
            self._is_over = True
            self._stop_waiting()
            self._release(self)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._woken.done():
            self._woken.set_result(None)

    async def _clean(self) -> None:
        try:
            self._call.cancel()
            if self._reading is not None:
                await asyncio.wait({self._reading})
                if not self._reading.cancelled():
                    self._reading.exception()  # seen: nobody waits for it any more
        finally:
            self._release(self)
