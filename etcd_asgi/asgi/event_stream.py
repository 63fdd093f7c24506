"""A response as server-sent events, with comments that keep the connection alive.

Source: HTML Standard, Server-sent events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from random import randrange
from typing import Any

from starlette.types import Send

from etcd_asgi.asgi.response_stream import ResponseStream
from etcd_asgi.asgi.responses import send_error
from etcd_asgi.calls.call import Call
from etcd_asgi.calls.stream_output import write
from etcd_asgi.calls.watch.state import ReplyKind
from etcd_asgi.errors import ClientDisconnected, UpstreamError
from etcd_asgi.etcd.error_texts import CANCELLED
from etcd_asgi.status import Code

_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"grpc-metadata-content-type", b"application/grpc"),
)
_JSON = ((b"content-type", b"application/json"),)
_RETRY_MS = (1000, 3000)
"""Milliseconds until a browser connects again, at least and at most: not all of them at once."""

_MESSAGE, _ERROR = b"message", b"error"


class EventResponse:
    """The response to one request, as server-sent events.

    Args:
        send: of the request.
        call: its messages become the events.
    """

    __slots__ = ("_beat", "_call", "_lock", "_loop", "_on_disconnect", "_sent", "_stream", "_timer")

    def __init__(self, send: Send, call: Call) -> None:
        self._stream = ResponseStream(send)
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._lock = asyncio.Lock()
        self._sent = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._beat: asyncio.Task[None] | None = None
        self._on_disconnect: Callable[[], None] | None = None

    @property
    def begun(self) -> bool:
        """True once the head has been sent."""
        return self._stream.begun

    def start(self, on_disconnect: Callable[[], None]) -> None:
        """Send a comment after each pause; call *on_disconnect* when one cannot be sent."""
        if self._on_disconnect is None:
            self._on_disconnect = on_disconnect
            self._sent = self._loop.time()
            self._wait(self._call.limits.heartbeat)

    async def convert(self, message: Any) -> bytes | None:
        """Convert a message to an SSE event; for a watch its state names the kind."""
        name, event_id, watch = _MESSAGE, b"", self._call.watch
        if watch is not None:
            event = watch.sse_event
            if event is None:
                return None
            name, event_id = event.kind.value.encode(), event.id
            if event.kind is ReplyKind.COMPACTED:
                message.header.revision = watch.present  # to resume after, as the id says
        data = await write(self._call, message)
        return event_of(name, data, event_id)

    async def add(self, event: bytes) -> None:
        """Send an SSE event, the head before the first.

        Raises:
            ClientDisconnected: the server reports it.
        """
        async with self._lock:
            if not self.begun:
                event = await self._begin() + event
            await self._stream.add(event)
            self._sent = self._loop.time()

    async def end(self) -> None:
        """End the response as etcd ended the call, with OK."""
        self.close()
        with suppress(ClientDisconnected):
            async with self._lock:
                await self._stream.end(b"" if self.begun else await self._begin())

    async def fail(self, error: UpstreamError) -> None:
        """End with an error: with its HTTP status if nothing was sent, else as an event."""
        self.close()
        flavour, stream = self._call.method.flavour, self._stream
        body = flavour.stream_error(error.code, error.message)
        with suppress(ClientDisconnected):
            async with self._lock:
                if self.begun:
                    await stream.end(event_of(_ERROR, body.rstrip(b"\n")))
                elif error.local:
                    await send_error(stream.emit, flavour, error.code, error.message)
                else:
                    await stream.begin(flavour.http_status(error.code), _JSON)
                    await stream.end(body)

    async def abandon(self) -> None:
        """End for a client that has disconnected: some middleware still waits for a response."""
        self.drop()
        await self.fail(UpstreamError(Code.CANCELLED, CANCELLED, local=True))

    def close(self) -> None:
        """Send no more comments."""
        if self._timer is not None:
            self._timer.cancel()

    def drop(self) -> None:
        """Send no more comments, not even one on its way."""
        self.close()
        if self._beat is not None:
            self._beat.cancel()

    async def _begin(self) -> bytes:
        """Send the head; return the bytes before the first event."""
        await self._stream.begin(200, _HEADERS)
        return retry(randrange(*_RETRY_MS))  # noqa: S311 - no secret

    def _wait(self, seconds: float) -> None:
        self._timer = self._loop.call_later(seconds, self._tick)

    def _tick(self) -> None:
        pause = self._call.limits.heartbeat
        silence = self._loop.time() - self._sent
        if silence < pause:
            self._wait(pause - silence)
            return
        if not self._lock.locked():  # else something is being sent, to a slow client
            self._beat = self._loop.create_task(self._send_beat())
        self._wait(pause)

    async def _send_beat(self) -> None:
        try:
            await self.add(COMMENT)
        except Exception:  # noqa: BLE001 - a server may raise what it likes
            assert self._on_disconnect is not None
            self._on_disconnect()


COMMENT = b":\n\n"
"""A comment, which clients ignore."""

WAITING = b": waiting for etcd\n\n"


def event_of(name: bytes, data: bytes, last_id: bytes = b"") -> bytes:
    """Write an SSE event.

    Args:
        name: its type.
        data: one line.
        last_id: the browser sends it when it connects again; empty: it keeps the one before.
    """
    id_line = b"id: %b\n" % last_id if last_id else b""
    return b"event: %b\n%bdata: %b\n\n" % (name, id_line, data)


def retry(milliseconds: int) -> bytes:
    """Write the time that a browser waits before it connects again."""
    return b"retry: %d\n\n" % milliseconds
