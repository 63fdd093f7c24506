"""An answer as server-sent events, with comments that keep the line alive.

Source: HTML Standard, Server-sent events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from random import randrange
from typing import Any

from starlette.types import Send

from etcd_asgi.asgi.response_stream import Flow
from etcd_asgi.asgi.responses import CANCELLED, send_error
from etcd_asgi.calls.call import Call
from etcd_asgi.calls.stream_output import write
from etcd_asgi.calls.watch.state import Kind
from etcd_asgi.errors import ClientDisconnected, UpstreamError
from etcd_asgi.status import Code

_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"grpc-metadata-content-type", b"application/grpc"),
)
_JSON = ((b"content-type", b"application/json"),)
_RETRY_MS = (1000, 3000)
"""Milliseconds until a browser connects again, at least and at most: not all of them at once."""

_MESSAGE, _ERROR = b"message", b"error"


class Events:
    """The answer to one request, event by event.

    Args:
        send: where to.
        call: whose messages they are.
    """

    __slots__ = ("_beat", "_call", "_flow", "_gone", "_lock", "_loop", "_sent", "_timer")

    def __init__(self, send: Send, call: Call) -> None:
        self._flow = Flow(send)
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._lock = asyncio.Lock()
        self._sent = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._beat: asyncio.Task[None] | None = None
        self._gone: Callable[[], None] | None = None

    @property
    def begun(self) -> bool:
        """Whether the head has gone out."""
        return self._flow.begun

    def start(self, gone: Callable[[], None]) -> None:
        """Send a comment whenever nothing else is sent for a while; *gone* when nobody reads."""
        if self._gone is None:
            self._gone = gone
            self._sent = self._loop.time()
            self._wait(self._call.limits.heartbeat)

    async def convert(self, message: Any) -> bytes | None:
        """Convert a message to an event; a watch has told its state how it counts."""
        name, event_id, watch = _MESSAGE, b"", self._call.watch
        if watch is not None:
            event = watch.event
            if event is None:
                return None
            name, event_id = event.kind.value.encode(), event.id
            if event.kind is Kind.COMPACTED:
                message.header.revision = watch.present  # to go on after, as the id says
        data = await write(self._call, message)
        return event_of(name, data, event_id)

    async def add(self, event: bytes) -> None:
        """Send an event. The head goes out before the first.

        Raises:
            ClientDisconnected: the server says that nobody is there to read it.
        """
        async with self._lock:
            if not self.begun:
                event = await self._begin() + event
            await self._flow.add(event)
            self._sent = self._loop.time()

    async def end(self) -> None:
        """End the answer as etcd ended the call, with OK."""
        self.close()
        with suppress(ClientDisconnected):
            async with self._lock:
                await self._flow.end(b"" if self.begun else await self._begin())

    async def fail(self, error: UpstreamError) -> None:
        """End the answer with an error: its own HTTP status if nothing was sent, else an event."""
        self.close()
        flavour, flow = self._call.method.flavour, self._flow
        body = flavour.stream_error(error.code, error.message)
        with suppress(ClientDisconnected):
            async with self._lock:
                if self.begun:
                    await flow.end(event_of(_ERROR, body.rstrip(b"\n")))
                elif error.local:
                    await send_error(flow.emit, flavour, error.code, error.message)
                else:
                    await flow.begin(flavour.http_status(error.code), _JSON)
                    await flow.end(body)

    async def abandon(self) -> None:
        """End for a client that left. Some middleware waits for an answer, whoever reads it."""
        self.drop()
        await self.fail(UpstreamError(Code.CANCELLED, CANCELLED, local=True))

    def close(self) -> None:
        """Send no more comments."""
        if self._timer is not None:
            self._timer.cancel()

    def drop(self) -> None:
        """Leave nothing running, not even a comment on its way."""
        self.close()
        if self._beat is not None:
            self._beat.cancel()

    async def _begin(self) -> bytes:
        """Send the head; gives what stands before the first event."""
        await self._flow.begin(200, _HEADERS)
        return retry(randrange(*_RETRY_MS))  # noqa: S311 - no secret

    def _wait(self, seconds: float) -> None:
        self._timer = self._loop.call_later(seconds, self._tick)

    def _tick(self) -> None:
        pause = self._call.limits.heartbeat
        silence = self._loop.time() - self._sent
        if silence < pause:
            self._wait(pause - silence)
            return
        if not self._lock.locked():  # else something is on its way, to a reader that is slow
            self._beat = self._loop.create_task(self._send_beat())
        self._wait(pause)

    async def _send_beat(self) -> None:
        try:
            await self.add(COMMENT)
        except Exception:  # noqa: BLE001 - a server may raise what it likes
            assert self._gone is not None
            self._gone()


COMMENT = b":\n\n"
"""A reader of events passes over it."""

WAITING = b": waiting for etcd\n\n"


def event_of(name: bytes, data: bytes, last_id: bytes = b"") -> bytes:
    """A server-sent event.

    Args:
        name: its type.
        data: one line.
        last_id: what a browser tells when it connects again; empty: what it had before.
    """
    id_line = b"id: %b\n" % last_id if last_id else b""
    return b"event: %b\n%bdata: %b\n\n" % (name, id_line, data)


def retry(milliseconds: int) -> bytes:
    """How long a browser waits before it connects again."""
    return b"retry: %d\n\n" % milliseconds
