"""Every route over WebSocket: one JSON value in a message, each way.

Source: grpc-websocket-proxy wsproxy/websocket_proxy.go, as etcd server/embed/serve.go wraps its
gateway in it. It loses the reason why a call ends, which is in the close code and reason here.
"""

from __future__ import annotations

import asyncio
from contextlib import closing, suppress
from http import HTTPStatus
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import Send

from etcd_asgi.asgi.disconnect import DisconnectMonitor
from etcd_asgi.asgi.request import Request
from etcd_asgi.asgi.request_values import SocketInput
from etcd_asgi.asgi.responses import emit
from etcd_asgi.asgi.route_errors import NOT_FOUND
from etcd_asgi.calls.bindings import Kind
from etcd_asgi.calls.call import Call
from etcd_asgi.calls.large_response import LargeResponse, held
from etcd_asgi.calls.open_streams import OpenStreams
from etcd_asgi.calls.stream import StreamCall
from etcd_asgi.calls.stream_output import write
from etcd_asgi.calls.unary import unary
from etcd_asgi.errors import (
    BodyTooLarge,
    ClientDisconnected,
    ClientStalled,
    DecodeError,
    Denied,
    Failure,
    GatewayClosing,
    UpstreamError,
    as_error,
)
from etcd_asgi.flavours import Flavour
from etcd_asgi.status import Code

NORMAL = 1000
_INVALID_DATA, _POLICY, _INTERNAL, _RESTART, _TRY_AGAIN = 1007, 1008, 1011, 1012, 1013
_BEARER = "Bearer"
_CLOSE_CODES: dict[int, int] = {
    Code.INVALID_ARGUMENT: _INVALID_DATA,
    Code.PERMISSION_DENIED: _POLICY,
    Code.UNAUTHENTICATED: _POLICY,
    Code.NOT_FOUND: _POLICY,
    Code.RESOURCE_EXHAUSTED: _TRY_AGAIN,
    Code.UNAVAILABLE: _TRY_AGAIN,
}
"""RFC 6455 section 7.4.1 and IANA's registry; a code that is absent is an internal error."""

_MAX_REASON_BYTES = 123
"""RFC 6455 section 5.5: a control frame holds 125 bytes, of which two are the code."""


class WebSocketEndpoint:
    """The endpoint of accepted WebSockets."""

    def __init__(self, streams: OpenStreams, monitor: DisconnectMonitor) -> None:
        self._streams = streams
        self._monitor = monitor

    async def respond(self, call: Call, request: Request) -> None:
        """Make one call, and close the socket with its outcome."""
        is_stream = call.method.kind is not Kind.UNARY
        socket = Socket(request.send, call.method.flavour, is_stream=is_stream)
        source = SocketInput(request.receive, call.limits.max_body_bytes)
        try:
            await (self._stream if is_stream else self._unary)(call, source, socket)
            await socket.close(NORMAL, "")
        except (ClientDisconnected, ClientStalled):
            return
        except (BodyTooLarge, DecodeError, Denied) as failure:
            await socket.fail(as_error(failure), _close_code_of(failure))
        except UpstreamError as error:
            await socket.fail(error, _close_code(error))

    async def _unary(self, call: Call, source: SocketInput, socket: Socket) -> None:
        with self._monitor.watch() as watch:
            value = await source.next()
            watch.listen(source.after)
            response = await unary(call, value)
        with held(response):
            await socket.reply(response, call.limits.send_timeout)

    async def _stream(self, call: Call, source: SocketInput, socket: Socket) -> None:
        stream = StreamCall(call, source)
        with closing(call), self._streams.entered(stream):
            await stream.carry(MessageResponse(socket, call))


class Socket:
    """The sending side of an accepted WebSocket."""

    __slots__ = ("_flavour", "_is_stream", "_send", "begun")

    def __init__(self, send: Send, flavour: Flavour, *, is_stream: bool) -> None:
        self._send = send
        self._flavour = flavour
        self._is_stream = is_stream
        self.begun = False
        """True once a message of a stream has been sent."""

    async def text(self, message: bytes) -> None:
        """Send a message.

        Raises:
            ClientDisconnected: the server reports it.
        """
        await self._text(message.decode())

    async def reply(self, reply: bytes | LargeResponse, stall: float) -> None:
        """Send the response of a unary call, as one message.

        Args:
            reply: the response.
            stall: seconds that the client may take for it.

        Raises:
            ClientDisconnected: it did not take it in that time, or has disconnected.
        """
        text = reply.decode() if isinstance(reply, bytes) else reply.text()
        try:
            async with asyncio.timeout(stall):
                await self._text(text)
        except TimeoutError:
            raise ClientDisconnected from None

    async def _text(self, text: str) -> None:
        await emit(self._send, {"type": "websocket.send", "text": text})

    async def fail(self, error: UpstreamError, close_code: int) -> None:
        """Send the error as a message, and close with *close_code*."""
        if self._is_stream and (self.begun or not error.local):
            body = self._flavour.stream_error(error.code, error.message).rstrip(b"\n")
        else:
            body = self._flavour.error_body(error.code, error.message)
        with suppress(ClientDisconnected):
            await self.text(body)
            await self.close(close_code, error.message)

    async def close(self, code: int, reason: str) -> None:
        """Close, with as much of *reason* as fits."""
        fitting = reason.encode(errors="replace")[:_MAX_REASON_BYTES].decode(errors="ignore")
        with suppress(ClientDisconnected):
            await emit(self._send, {"type": "websocket.close", "code": code, "reason": fitting})


class MessageResponse:
    """The response of a stream, each message a text message."""

    __slots__ = ("_call", "_socket")

    def __init__(self, socket: Socket, call: Call) -> None:
        self._socket = socket
        self._call = call

    async def convert(self, message: Any) -> bytes:
        """Convert a message to its text."""
        return b'{"result":%b}' % await write(self._call, message)

    async def add(self, text: bytes) -> None:
        """Send a text: see :meth:`Socket.text`."""
        self._socket.begun = True
        await self._socket.text(text)


NOT_UPGRADED = (
    "this is the handshake of a WebSocket, and came as a plain request: a proxy has removed its"
    " Upgrade and Connection headers, or the server serves no WebSockets (uvicorn does with"
    " 'uvicorn[standard]')"
)


async def accept(request: Request) -> None:
    """Accept the upgrade, with the protocol ``Bearer`` for a client that offers it."""
    await request.receive()
    offered = request.scope.get("subprotocols") or []
    bearer = _BEARER if offered[:1] == [_BEARER] else None
    await emit(request.send, {"type": "websocket.accept", "subprotocol": bearer})


async def unknown_path(send: Send, flavour: Flavour) -> None:
    """Report an unknown path on an accepted WebSocket, as etcd does, and close it."""
    socket = Socket(send, flavour, is_stream=False)
    with suppress(ClientDisconnected):
        if flavour.json_routing:
            await socket.text(flavour.error_body(Code.NOT_FOUND, NOT_FOUND))
        else:
            await socket.text(NOT_FOUND.encode())
        await socket.close(_POLICY, NOT_FOUND)


async def broken(send: Send) -> None:
    """Close after an error of the host's code or of ours."""
    await emit(send, {"type": "websocket.close", "code": _INTERNAL, "reason": "internal error"})


def carried_headers(request: Request) -> list[tuple[bytes, bytes]]:
    """Return the headers of an upgrade that concern its call, with a token from elsewhere.

    Grpc-Timeout and Grpc-Metadata are for HTTP requests: etcd ignores them here.
    """
    carried = [one for one in request.scope["headers"] if not one[0].startswith(b"grpc-")]
    return carried + _token_headers(request)


def _token_headers(request: Request) -> list[tuple[bytes, bytes]]:
    """Make an Authorization header for a token from elsewhere: browsers can set none.

    The header itself counts first, then a cookie ``token``, then the subprotocol after ``Bearer``.
    """
    if request.header(b"authorization") is not None:
        return []
    offered = request.scope.get("subprotocols") or []
    token = HTTPConnection(request.scope).cookies.get("token")
    if token is None and offered[:1] == [_BEARER] and len(offered) > 1:
        token = offered[1]
    return [] if token is None else [(b"authorization", token.encode("latin-1", "replace"))]


def _close_code_of(failure: Failure) -> int:
    """Choose the close code; of a client that has sent nothing in time not one for bad data."""
    is_silent = isinstance(failure, Denied) and failure.status == HTTPStatus.REQUEST_TIMEOUT
    return _POLICY if is_silent else _close_code(as_error(failure))


def _close_code(error: UpstreamError) -> int:
    if isinstance(error, GatewayClosing):
        return _RESTART
    return _CLOSE_CODES.get(error.code, _INTERNAL)
