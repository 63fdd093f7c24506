"""Request bodies, read up to a limit."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive
from starlette.websockets import WebSocketDisconnect

from etcd_asgi.asgi.json_splitter import Splitter
from etcd_asgi.asgi.request import Request
from etcd_asgi.errors import BodyTooLarge, ClientDisconnected, DecodeError, HostError

_REST_BYTES = 16 * 1024 * 1024
_REST_TIME = 0.5
"""Bytes of a body, and seconds, that are read and dropped before the response. A client that is
still sending when its connection is closed may never see the response; Go's net/http does the same,
with less patience."""

_SHORT_BYTES = 256 * 1024
"""Bytes of a body that are read and dropped to keep the connection of a refused request."""


class RequestBody:
    """The body of one request, as far as it has been read."""

    __slots__ = ("_has_content", "_listener_done", "_request", "ended")

    def __init__(self, request: Request) -> None:
        self._request = request
        self._listener_done: asyncio.Event | None = None
        """While there is a listener: set when it has received the end of the body, or has ended."""

        self._has_content = False
        self.ended = False
        """True once the end has been received."""

    async def read(self, limit: int, *, whole: bool) -> bytes:
        """Read the body.

        Args:
            limit: longest body in bytes.
            whole: read to the end; if not, the first whole JSON value is enough, so that a call
                can start while the client holds its request open.

        Raises:
            BodyTooLarge: it is longer than *limit*, or its Content-Length is.
            ClientDisconnected: the client has disconnected.
            DecodeError: a body was announced and none arrives.
        """
        if self._request.expects and self._request.length() > limit:
            raise BodyTooLarge(limit)
        message = await received(self._request.receive)
        body: bytes = message.get("body", b"")
        if body and len(body) <= limit and not message.get("more_body"):
            self.ended = True
            return body
        if self._request.length() > limit:
            raise BodyTooLarge(limit)
        body = await (self._whole if whole else self._first)(self._note(message), limit)
        if self.ended and not self._has_content:
            refuse_if_lost(self._request)
        return body

    async def receive(self) -> Message:
        """Receive the next ASGI message."""
        return self._note(await received(self._request.receive))

    def _note(self, message: Message) -> Message:
        """Note the state of the body after an ASGI message, and return the message."""
        self._has_content = self._has_content or bool(message.get("body"))
        self.ended = not message.get("more_body", False)
        if self.ended and self._listener_done is not None:
            self._listener_done.set()
        return message

    async def after(self) -> Message:
        """Drop the rest of the body; return the ASGI message after it, or the disconnect."""
        self._listener_done = done = asyncio.Event()
        try:
            while not self.ended:
                if (message := await self.receive())["type"] == "http.disconnect":
                    return message
            return await self.receive()
        finally:
            done.set()

    async def skip_rest(self, limit: int = _REST_BYTES) -> None:
        """Read and drop the rest, if it is short: see :attr:`ended` afterwards."""
        length = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(_REST_TIME):
                if self._listener_done is not None:  # only one may read
                    await self._listener_done.wait()
                while not self.ended and length <= limit:
                    length += len((await self.receive()).get("body", b""))

    async def _whole(self, message: Message, limit: int) -> bytes:
        body = bytearray(body_of(message))
        while not self.ended and len(body) <= limit:
            body += body_of(await self.receive())
        if len(body) > limit:
            raise BodyTooLarge(limit)
        return bytes(body)

    async def _first(self, message: Message, limit: int) -> bytes:
        splitter, length = Splitter(), 0
        while True:
            chunk = body_of(message)
            length += len(chunk)
            if length > limit:
                raise BodyTooLarge(limit)
            values = splitter.feed(chunk)
            if values:
                return values[0]
            if self.ended:
                return splitter.close()
            message = await self.receive()


async def disconnected(receive: Receive, *, ended: bool) -> bool:
    """Wait for the client of an HTTP request to disconnect, and drop what else it sends.

    Hosts that read a body and give it again often do so with a ``receive`` that gives it for ever
    and never waits. Behind such a one no disconnect can be received.

    Args:
        receive: of the request.
        ended: True if the end of the body has been received.

    Returns:
        True for a disconnect; False where none can be received.
    """
    while (message := await receive())["type"] != "http.disconnect":
        if ended:
            return False
        ended = not message.get("more_body", False)
    return True


async def received(receive: Receive) -> Message:
    """Receive the next ASGI message of a request, or of a WebSocket.

    Starlette's own classes, which middleware may stand on, raise an exception where servers send a
    message: here it becomes that message.

    Raises:
        ClientDisconnected: the server reports it by an error.
        HostError: middleware of the host refuses the request.
    """
    try:
        return await receive()
    except (ClientDisconnect, WebSocketDisconnect):
        return {"type": "http.disconnect"}
    except HTTPException as error:
        raise HostError(error, error.detail) from error
    except OSError:
        raise ClientDisconnected from None


def body_of(message: Message) -> bytes:
    """Return the chunk of the body in an ASGI message.

    Raises:
        ClientDisconnected: it is a disconnect.
    """
    if message["type"] == "http.disconnect":
        raise ClientDisconnected
    chunk: bytes = message.get("body", b"")
    return chunk


async def drop_body(request: Request) -> None:
    """Read and drop a body of which nothing has been read, on any event loop.

    A client that is still sending may not see the response.
    """
    if request.length() <= _REST_BYTES:
        while (await request.receive()).get("more_body"):
            pass


async def skip_short(request: Request) -> bool:
    """Read and drop the body of a request that is refused, if it is short.

    Returns:
        True if it has been read to its end.
    """
    if request.length() > _SHORT_BYTES:
        return False
    body = RequestBody(request)
    try:
        await body.skip_rest(_SHORT_BYTES)
    except Exception:  # noqa: BLE001 - some middleware raises once the body has been read
        return False
    return body.ended


WITHHELD = (
    "the request announces a body and none arrives: with `Upgrade: {upgrade}` this server hands on"
    " no body; send the request without Upgrade (curl: without --http2)"
)
EATEN = (
    "the request announces a body of {length} bytes and none arrives: middleware or a dependency"
    " of the application has read it; it must read with `await request.body()`, or not at all"
)


def refuse_if_lost(request: Request) -> None:
    """Refuse a request whose body is empty though its headers announce one.

    A body that is shorter than announced need not be wrong, as middleware may have unpacked it.
    One that is empty would be carried out as an empty message.

    Raises:
        DecodeError: a body was announced, by a length above 0 or as chunks beside an Upgrade, with
            which some servers hand on no body.
    """
    length, upgrade = request.length(), request.header(b"upgrade")
    if not length and (upgrade is None or request.header(b"transfer-encoding") is None):
        return
    if upgrade is None:
        raise DecodeError(EATEN.format(length=length))
    raise DecodeError(WITHHELD.format(upgrade=ascii(upgrade[:40].decode("latin-1"))[1:-1]))
