"""Request bodies, read up to a limit."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import Message, Receive, Scope

from etcd_asgi.framing import Splitter

_REST_BYTES = 16 * 1024 * 1024
_REST_TIME = 0.5
"""How much of a body, and for how many seconds, is read and dropped before the answer. A client
that is still sending when its connection is closed may never see the answer; Go's net/http does
the same, with less patience."""


class ClientGone(Exception):
    """The client left before its request was whole: there is nobody to answer."""


class BodyTooLarge(Exception):
    """The body is longer than the limit. ``str()`` is the text for the client."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"request body is too large: at most {limit} bytes are taken")


class RequestBody:
    """The body of one request, and how far it has been read."""

    __slots__ = ("_heard", "_receive", "ended")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._heard: asyncio.Event | None = None
        """While there is a listener: set when it has heard the end of the body, or has ended."""

        self.ended = False

    async def read(self, scope: Scope, limit: int, *, whole: bool) -> bytes:
        """The body.

        Args:
            scope: the request, whose Content-Length may tell beforehand that it is too long.
            limit: longest body in bytes.
            whole: read to the end; if not, the first whole JSON value is enough, so that a call
                can start while the client holds its request open.

        Raises:
            BodyTooLarge: it is longer than *limit*.
            ClientGone: the client left.
        """
        event = await self.receive()
        if self.ended:
            body = _piece(event)
            if len(body) > limit:
                raise BodyTooLarge(limit)
            return body
        if _declared_length(scope) > limit:
            raise BodyTooLarge(limit)
        return await (self._whole(event, limit) if whole else self._first(event, limit))

    async def receive(self) -> Message:
        """The next ASGI event."""
        event = await self._receive()
        self.ended = not event.get("more_body", False)
        if self.ended and self._heard is not None:
            self._heard.set()
        return event

    async def after(self) -> Message:
        """The first event after the body, whose rest is dropped, or the client's leave."""
        self._heard = heard = asyncio.Event()
        try:
            while not self.ended:
                if (event := await self.receive())["type"] == "http.disconnect":
                    return event
            return await self.receive()
        finally:
            heard.set()

    async def skip_rest(self) -> None:
        """Read on to the end, if that is near: see :attr:`ended` afterwards."""
        length = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(_REST_TIME):
                if self._heard is not None:  # nobody else may read beside the listener
                    await self._heard.wait()
                while not self.ended and length <= _REST_BYTES:
                    length += len((await self.receive()).get("body", b""))

    async def _whole(self, event: Message, limit: int) -> bytes:
        body = bytearray(_piece(event))
        while not self.ended and len(body) <= limit:
            body += _piece(await self.receive())
        if len(body) > limit:
            raise BodyTooLarge(limit)
        return bytes(body)

    async def _first(self, event: Message, limit: int) -> bytes:
        splitter, length = Splitter(), 0
        while True:
            piece = _piece(event)
            length += len(piece)
            if length > limit:
                raise BodyTooLarge(limit)
            values = splitter.feed(piece)
            if values:
                return values[0]
            if self.ended:
                return splitter.close()
            event = await self.receive()


async def leave(receive: Receive, *, ended: bool) -> bool:
    """Wait for the client of an HTTP request to leave, and drop what else it sends.

    Hosts that read a body and give it again often do so with a ``receive`` that gives it for ever
    and never waits. Behind such a one nobody can hear the client leave.

    Args:
        receive: of the request.
        ended: whether the end of the body has been received.

    Returns:
        Whether the client left; false when that cannot be heard.
    """
    while (event := await receive())["type"] != "http.disconnect":
        if ended:
            return False
        ended = not event.get("more_body", False)
    return True


def _piece(event: Message) -> bytes:
    if event["type"] == "http.disconnect":
        raise ClientGone
    piece: bytes = event.get("body", b"")
    return piece


_MAX_DIGITS = 20
"""Of a Content-Length that are looked at: what has more is too long by any limit."""


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:_MAX_DIGITS])
    return 0
