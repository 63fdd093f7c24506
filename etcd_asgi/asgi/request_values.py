"""The client's side of a call: JSON values, and at last the disconnect."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive

from etcd_asgi.asgi.body import body_of, disconnected, received, refuse_if_lost
from etcd_asgi.asgi.json_splitter import Splitter
from etcd_asgi.asgi.request import Request
from etcd_asgi.codec import check_begun
from etcd_asgi.errors import BodyTooLarge, ClientDisconnected


class HttpInput:
    """A request body, read while the response is sent.

    Args:
        request: its headers may announce a body.
        limit: bytes that one value may have.
    """

    __slots__ = ("_has_content", "_more", "_request", "_values")

    def __init__(self, request: Request, limit: int) -> None:
        self._request = request
        self._has_content = False
        self._more = True
        self._values: _Values | None = _Values(limit)
        """``None`` once the body has been read: a watch may last for long."""

    async def next(self) -> bytes | None:
        """See :class:`~etcd_asgi.calls.stream_input.Input`.

        The chunks of a body may cut values anywhere.
        """
        if self._values is None:
            return None
        while (value := await self._values.next()) is None and self._more:
            message = await received(self._request.receive)
            chunk = body_of(message)
            self._more = message.get("more_body", False)
            self._has_content = self._has_content or bool(chunk)
            if not self._more and not self._has_content:
                refuse_if_lost(self._request)
            self._values.add(chunk)
        if value is None:
            value, self._values = self._values.rest(), None
        elif not self._more and self._values.is_empty():
            self._values = None
        return value

    def is_over(self) -> bool:
        """See :class:`~etcd_asgi.calls.stream_input.Input`."""
        return self._values is None

    async def disconnected(self) -> bool:
        """See :class:`~etcd_asgi.calls.stream_input.Input`."""
        return await disconnected(self._request.receive, ended=not self._more)


class QueryInput:
    """The one request message of a GET, and then the client's disconnect.

    Args:
        request: the GET.
        value: the message as JSON.
    """

    __slots__ = ("_request", "_value")

    def __init__(self, request: Request, value: bytes) -> None:
        self._request = request
        self._value: bytes | None = value

    async def next(self) -> bytes | None:
        """See :class:`~etcd_asgi.calls.stream_input.Input`."""
        value, self._value = self._value, None
        return value

    def is_over(self) -> bool:
        """See :class:`~etcd_asgi.calls.stream_input.Input`."""
        return True

    async def disconnected(self) -> bool:
        """See :class:`~etcd_asgi.calls.stream_input.Input`."""
        return await disconnected(self._request.receive, ended=False)


class SocketInput:
    """The messages of an accepted WebSocket, text or binary. Its only end is the disconnect.

    Each message is followed by a newline, so that a number in one and a number in the next are
    two values. grpc-websocket-proxy wsproxy/websocket_proxy.go does so.
    """

    __slots__ = ("_receive", "_values")

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._values = _Values(limit)

    async def next(self) -> bytes:
        """See :class:`~etcd_asgi.calls.stream_input.Input`.

        Values may span messages, and messages may hold several.
        """
        while (value := await self._values.next()) is None:
            message = await received(self._receive)
            if message["type"] != "websocket.receive":
                raise ClientDisconnected
            text = message.get("text")
            chunk = message.get("bytes") or b"" if text is None else text.encode("utf-8", "replace")
            self._values.add(chunk + b"\n")
        return value

    def is_over(self) -> bool:
        """See :class:`~etcd_asgi.calls.stream_input.Input`."""
        return False

    async def disconnected(self) -> bool:
        """See :class:`~etcd_asgi.calls.stream_input.Input`."""
        await self.after()
        return True

    async def after(self) -> Message:
        """Wait for the disconnect, and return it; drop what else the client sends."""
        while (message := await self._receive())["type"] == "websocket.receive":
            pass
        return message


class _Values:
    """The values in the chunks received, each up to a limit."""

    __slots__ = ("_at", "_chunk", "_limit", "_probes", "_splitter", "_whole")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._probes = _PROBES_BYTES
        """Bytes that may still be probed."""

        self._splitter = Splitter()
        self._chunk, self._at = b"", 0
        """The last chunk, and how many bytes of it have been split."""

        self._whole: list[bytes] = []
        """In reverse: the next is the last."""

    def add(self, chunk: bytes) -> None:
        """Add a chunk of the input, once all values before it have been taken."""
        self._chunk, self._at = chunk, 0

    async def next(self) -> bytes | None:
        """Return the next whole value, if there is one.

        Servers hand on messages of many MiB at once. Other tasks have their turn in between.
        """
        while not self._whole and self._at < len(self._chunk):
            end = self._at + _SLICE_BYTES
            self._split(self._chunk[self._at : end])
            self._at = end
            if end < len(self._chunk):
                await asyncio.sleep(0)
        return self._whole.pop() if self._whole else None

    def _split(self, chunk: bytes) -> None:
        splitter, limit = self._splitter, self._limit
        values = splitter.feed(chunk)
        if splitter.pending_bytes > limit or any(len(value) > limit for value in values):
            raise BodyTooLarge(limit)
        self._probes += _PROBES_PER_BYTE * len(chunk)
        if not values and 0 < splitter.pending_bytes <= min(_PROBED_BYTES, self._probes):
            self._probes -= splitter.pending_bytes
            check_begun(splitter.pending)
        values.reverse()
        self._whole = values

    def rest(self) -> bytes | None:
        """Return the rest at the end of the input, if there is any."""
        return self._splitter.close() or None

    def is_empty(self) -> bool:
        """Return True if everything received has been taken."""
        is_split = self._at >= len(self._chunk)
        return is_split and not self._whole and not self._splitter.close()


_SLICE_BYTES = 16 * 1024
"""Bytes that are split without a pause: some ms, where every byte is a bracket."""

_PROBED_BYTES = 4096
"""Up to this length the begin of a value is checked for faults, so that a client which waits for a
response gets one. Longer values are checked when they are whole, or the input ends."""

_PROBES_BYTES = 4 * _PROBED_BYTES
_PROBES_PER_BYTE = 4
"""Bytes that may be checked for faults: so many, and so many for each byte received. A value that
comes in a thousand chunks is not checked after each: that would take quadratic time."""
