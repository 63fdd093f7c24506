"""Responses of unknown length, and the one as lines of JSON."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from starlette.types import Message, Send

from etcd_asgi.asgi.responses import Headers, emit, send_error
from etcd_asgi.calls.call import Call
from etcd_asgi.calls.stream_output import write
from etcd_asgi.errors import ClientDisconnected, UpstreamError
from etcd_asgi.etcd.error_texts import CANCELLED
from etcd_asgi.status import Code

_TYPE = (b"content-type", b"application/json")
_METADATA = (b"grpc-metadata-content-type", b"application/grpc")
_UNTOUCHED = (
    (b"cache-control", b"no-store"),
    (b"content-encoding", b"identity"),
    (b"x-accel-buffering", b"no"),
)
"""Headers that keep caches, compressing middleware and proxies from holding lines back."""


class ResponseStream:
    """The ASGI messages of a response of unknown length.

    Raises:
        ClientDisconnected: by every method, when the server reports that the client has
            disconnected.
    """

    __slots__ = ("_send", "begun")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False
        """True once the head has been sent."""

    async def begin(self, status: int, headers: Headers) -> None:
        """Send the head."""
        self.begun = True
        start = {"type": "http.response.start", "status": status}
        await self.emit({**start, "headers": [*headers, *_UNTOUCHED]})

    async def add(self, chunk: bytes) -> None:
        """Send a chunk, as one ASGI message."""
        await self.emit({"type": "http.response.body", "body": chunk, "more_body": True})

    async def end(self, chunk: bytes = b"") -> None:
        """Send the last chunk."""
        await self.emit({"type": "http.response.body", "body": chunk, "more_body": False})

    async def emit(self, message: Message) -> None:
        """Send any ASGI message."""
        await emit(self._send, message)


class LineResponse:
    """The response to one request, line by line. Each line is one ASGI message.

    Source: grpc-gateway runtime/handler.go, ForwardResponseStream.
    """

    __slots__ = ("_call", "_stream")

    def __init__(self, send: Send, call: Call) -> None:
        self._stream = ResponseStream(send)
        self._call = call

    async def convert(self, message: Any) -> bytes:
        """Convert a message to its line."""
        return b'{"result":%b}\n' % await write(self._call, message)

    async def add(self, line: bytes) -> None:
        """Send a line, the head before the first.

        Raises:
            ClientDisconnected: the server reports it.
        """
        if not self._stream.begun:
            await self._stream.begin(200, (self._call.transcoder.content_type, _METADATA))
        await self._stream.add(line)

    async def end(self) -> None:
        """End the response as etcd ended the call, with OK."""
        with suppress(ClientDisconnected):
            if not self._stream.begun:
                with_type = self._call.method.flavour.empty_stream_type
                await self._stream.begin(200, (_TYPE,) if with_type else ())
            await self._stream.end()

    async def fail(self, error: UpstreamError) -> None:
        """End with an error: with its HTTP status if nothing was sent, else as a line."""
        stream, flavour = self._stream, self._call.method.flavour
        with suppress(ClientDisconnected):
            if not stream.begun and error.local:
                await send_error(stream.emit, flavour, error.code, error.message)
                return
            if not stream.begun:
                await stream.begin(flavour.http_status(error.code), (_TYPE,))
            await stream.end(flavour.stream_error(error.code, error.message))

    async def abandon(self) -> None:
        """End for a client that has disconnected: some middleware still waits for a response."""
        await self.fail(UpstreamError(Code.CANCELLED, CANCELLED, local=True))
