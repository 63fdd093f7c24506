"""Answers that flow: JSON lines, and what every such answer has."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from starlette.types import Message as Event
from starlette.types import Send

from etcd_asgi.asgi.responses import CANCELLED, Headers, emit, send_error
from etcd_asgi.calls.call import Call
from etcd_asgi.calls.stream_output import write
from etcd_asgi.errors import ClientDisconnected, UpstreamError
from etcd_asgi.status import Code

_TYPE = (b"content-type", b"application/json")
_METADATA = (b"grpc-metadata-content-type", b"application/grpc")
_UNTOUCHED = (
    (b"cache-control", b"no-store"),
    (b"content-encoding", b"identity"),
    (b"x-accel-buffering", b"no"),
)
"""What keeps caches, compressing middleware and proxies from holding lines back."""


class Flow:
    """The events of an answer whose length nobody knows.

    Raises:
        ClientDisconnected: from every method, when the server says that nobody is there to read.
    """

    __slots__ = ("_send", "begun")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False
        """Whether the head has gone out."""

    async def begin(self, status: int, headers: Headers) -> None:
        """Send the head."""
        self.begun = True
        start = {"type": "http.response.start", "status": status}
        await self.emit({**start, "headers": [*headers, *_UNTOUCHED]})

    async def add(self, piece: bytes) -> None:
        """Send a piece, as one event."""
        await self.emit({"type": "http.response.body", "body": piece, "more_body": True})

    async def end(self, piece: bytes = b"") -> None:
        """Send the last piece."""
        await self.emit({"type": "http.response.body", "body": piece, "more_body": False})

    async def emit(self, event: Event) -> None:
        """Send any event."""
        await emit(self._send, event)


class Lines:
    """The answer to one request, line by line. Each line is one event, whole and with its end.

    Source: grpc-gateway runtime/handler.go, ForwardResponseStream.
    """

    __slots__ = ("_call", "_flow")

    def __init__(self, send: Send, call: Call) -> None:
        self._flow = Flow(send)
        self._call = call

    async def convert(self, message: Any) -> bytes:
        """The line of a message."""
        return b'{"result":%b}\n' % await write(self._call, message)

    async def add(self, line: bytes) -> None:
        """Send a line. The head goes out before the first.

        Raises:
            ClientDisconnected: the server says that nobody is there to read it.
        """
        if not self._flow.begun:
            await self._flow.begin(200, (self._call.transcoder.content_type, _METADATA))
        await self._flow.add(line)

    async def end(self) -> None:
        """End the answer as etcd ended the call, with OK."""
        with suppress(ClientDisconnected):
            if not self._flow.begun:
                with_type = self._call.method.flavour.empty_stream_type
                await self._flow.begin(200, (_TYPE,) if with_type else ())
            await self._flow.end()

    async def fail(self, error: UpstreamError) -> None:
        """End the answer with an error: its own HTTP status if nothing was sent, else a line."""
        flow, flavour = self._flow, self._call.method.flavour
        with suppress(ClientDisconnected):
            if not flow.begun and error.local:
                await send_error(flow.emit, flavour, error.code, error.message)
                return
            if not flow.begun:
                await flow.begin(flavour.http_status(error.code), (_TYPE,))
            await flow.end(flavour.stream_error(error.code, error.message))

    async def abandon(self) -> None:
        """End for a client that left. Some middleware waits for an answer, whoever reads it."""
        await self.fail(UpstreamError(Code.CANCELLED, CANCELLED, local=True))
