"""What a client sends during a streaming call: JSON values, and at last its leave."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from starlette.types import Receive

from etcd_asgi.codec import check_begun
from etcd_asgi.endpoints.bodies import BodyTooLarge, ClientGone
from etcd_asgi.framing import Splitter


class Input(Protocol):
    """The client's side of a streaming call."""

    def values(self) -> AsyncGenerator[bytes]:
        """JSON values as they come, up to the end of the input.

        Raises:
            DecodeError: a value has begun that no JSON begins with.
            BodyTooLarge: a value is longer than the limit.
            ClientGone: the client left.
        """
        ...

    async def left(self) -> None:
        """Wait for the client to leave, once :meth:`values` has ended."""
        ...


class HttpInput:
    """A request body, read while the answer flows."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit

    async def values(self) -> AsyncGenerator[bytes]:
        """See :class:`Input`. Values may be cut anywhere by the pieces of the body."""
        splitter, more = Splitter(), True
        while more:
            event = await self._receive()
            if event["type"] == "http.disconnect":
                raise ClientGone
            more = event.get("more_body", False)
            for value in _split(splitter, event.get("body", b""), self._limit):
                yield value
        if left := splitter.close():
            yield left

    async def left(self) -> None:
        """See :class:`Input`."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


class SocketInput:
    """The messages of an accepted WebSocket, text or binary. It has no end but the leave.

    Each message is followed by a newline, so that a number in one and a number in the next are
    two values. grpc-websocket-proxy wsproxy/websocket_proxy.go does so.
    """

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit

    async def values(self) -> AsyncGenerator[bytes]:
        """See :class:`Input`. Values may span messages, and messages may hold several."""
        splitter = Splitter()
        while True:
            event = await self._receive()
            if event["type"] != "websocket.receive":
                raise ClientGone
            text = event.get("text")
            piece = event.get("bytes") or b"" if text is None else text.encode("utf-8", "replace")
            for value in _split(splitter, piece + b"\n", self._limit):
                yield value

    async def left(self) -> None:
        """See :class:`Input`."""
        while (await self._receive())["type"] == "websocket.receive":
            pass


def _split(splitter: Splitter, piece: bytes, limit: int) -> list[bytes]:
    values = splitter.feed(piece)
    if splitter.pending_bytes > limit or any(len(value) > limit for value in values):
        raise BodyTooLarge(limit)
    if not values and 0 < splitter.pending_bytes <= _PROBED_BYTES:
        check_begun(splitter.pending)
    return values


_PROBED_BYTES = 4096
"""Up to this length a value that is not whole is looked at for faults, so that a client which
waits for an answer gets one. Longer ones are when they are whole, or the input ends."""
