"""An upstream in memory: what a test says instead of an etcd."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from etcd_asgi.errors import UpstreamError

CANCELLED, DEADLINE_EXCEEDED, UNIMPLEMENTED = 1, 4, 12


class Serializable(Protocol):
    """Message of any library for protobuf."""

    def SerializeToString(self) -> bytes:  # noqa: N802 - protobuf's name
        """Return its bytes."""
        ...


Message = bytes | Serializable
Metadata = list[tuple[str, str | bytes]]
_Queue = asyncio.Queue[bytes | None]
"""Messages of one direction; ``None`` is the end."""


class FakeCall:
    """One call made of a :class:`FakeUpstream`, as a test looks at it and as its handler holds it.

    Attributes:
        rpc: full gRPC name, ``/etcdserverpb.KV/Range``.
        metadata: pairs as they would travel to etcd.
        timeout: seconds until the deadline, or none.
        requests: the serialized messages that were sent so far.
        cancelled: whether it was cancelled.
    """

    def __init__(
        self, rpc: str, metadata: Metadata, timeout: float | None, up: _Queue, down: _Queue
    ) -> None:
        self.rpc = rpc
        self.metadata = metadata
        self.timeout = timeout
        self.requests: list[bytes] = []
        self.cancelled = False
        self._up, self._down = up, down

    async def receive(self) -> bytes | None:
        """Return the next request; ``None`` when no more will come."""
        request = await self._up.get()
        if request is None:
            self._up.put_nowait(None)
        return request

    def send(self, message: Message) -> None:
        """Send a message; a unary call has one."""
        self._down.put_nowait(_serialized(message))


Handler = Callable[[FakeCall], Awaitable[None]]
"""Plays etcd in one call: it receives and sends messages, may wait, and raise ``UpstreamError``.

Its return ends the call with OK. A unary call to which nothing was sent gets an empty message.
"""


class FakeUpstream:
    """An :class:`~etcd_asgi.Upstream` without an etcd: each RPC does what a test has said.

    ::

        upstream = FakeUpstream()
        upstream.reply("/etcdserverpb.KV/Range", b"")  # an empty RangeResponse
        upstream.fail("/etcdserverpb.KV/Put", 8, "etcdserver: mvcc: database space exceeded")
        gateway = Gateway(upstream)
        ...
        assert upstream.calls[-1].rpc == "/etcdserverpb.KV/Put"

    An RPC of which nothing was said fails with code 12. Deadlines end calls, as etcd's would.
    What was said last of an RPC counts.

    Attributes:
        calls: all calls so far, oldest first.
    """

    def __init__(self) -> None:
        self.calls: list[FakeCall] = []
        self._handlers: dict[str, Handler] = {}
        self._streams: set[FakeStream] = set()

    def handle(self, rpc: str, handler: Handler) -> None:
        """Have *handler* play etcd in the calls of *rpc*."""
        self._handlers[rpc] = handler

    def reply(self, rpc: str, *messages: Message, stays_open: bool = False) -> None:
        """Have calls of *rpc* get *messages*: one, or those of a stream.

        Args:
            rpc: full gRPC name.
            messages: serialized, or objects that protobuf serializes.
            stays_open: whether a stream goes on in silence after them, as a watch does.
        """

        async def handler(call: FakeCall) -> None:
            for message in messages:
                call.send(message)
            if stays_open:
                await asyncio.Event().wait()

        self.handle(rpc, handler)

    def fail(self, rpc: str, code: int, message: str, *, local: bool = False) -> None:
        """Have calls of *rpc* fail.

        Args:
            rpc: full gRPC name.
            code: number of the gRPC code.
            message: etcd's words.
            local: whether they are the gateway's instead, as where etcd is not reachable.
        """

        async def handler(_call: FakeCall) -> None:
            raise UpstreamError(code, message, local=local)

        self.handle(rpc, handler)

    async def unary(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> bytes:
        """Make one call with one message each way."""
        down: _Queue = asyncio.Queue()
        call = self._call(rpc, metadata, timeout, _one(request), down)
        call.requests.append(request)
        try:
            await self._play(call)
        except asyncio.CancelledError:
            call.cancelled = True
            raise
        return b"" if down.empty() else down.get_nowait() or b""

    def server_stream(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> FakeStream:
        """Start a call with one message up and many down."""
        stream = self._stream(rpc, metadata, timeout, _one(request))
        stream.call.requests.append(request)
        return stream

    def bidi(self, rpc: str, metadata: Metadata, timeout: float | None) -> FakeStream:
        """Start a call with many messages each way."""
        return self._stream(rpc, metadata, timeout, asyncio.Queue())

    async def aclose(self) -> None:
        """Cancel all streams."""
        for stream in list(self._streams):
            stream.cancel()

    def _call(
        self, rpc: str, metadata: Metadata, timeout: float | None, up: _Queue, down: _Queue
    ) -> FakeCall:
        self.calls.append(call := FakeCall(rpc, metadata, timeout, up, down))
        return call

    def _stream(
        self, rpc: str, metadata: Metadata, timeout: float | None, up: _Queue
    ) -> FakeStream:
        down: _Queue = asyncio.Queue()
        call = self._call(rpc, metadata, timeout, up, down)
        stream = FakeStream(call, up, down, asyncio.ensure_future(self._play(call)))
        self._streams.add(stream)
        stream.task.add_done_callback(lambda _: self._streams.discard(stream))
        return stream

    async def _play(self, call: FakeCall) -> None:
        handler = self._handlers.get(call.rpc)
        if handler is None:
            raise UpstreamError(UNIMPLEMENTED, f"nothing was said of {call.rpc}")
        limit = asyncio.timeout(call.timeout)
        try:
            async with limit:
                await handler(call)
        except TimeoutError:
            if limit.expired():
                error = UpstreamError(DEADLINE_EXCEEDED, "context deadline exceeded", local=True)
                raise error from None
            raise


class FakeStream:
    """Streaming call of a :class:`FakeUpstream`."""

    def __init__(
        self, call: FakeCall, up: _Queue, down: _Queue, task: asyncio.Future[None]
    ) -> None:
        self.call = call
        self.task = task
        self._up, self._down = up, down
        task.add_done_callback(self._ended)

    async def send(self, request: bytes) -> bool:
        """Send a message; false when the call is over."""
        if self.task.done():
            return False
        self.call.requests.append(request)
        self._up.put_nowait(request)
        return True

    async def half_close(self) -> None:
        """Say that no more messages will be sent."""
        self._up.put_nowait(None)

    async def receive(self) -> bytes | None:
        """Return the next message, or ``None`` at the end; cancelling this ends the call.

        Raises:
            UpstreamError: the call ended with a status other than OK, or was cancelled.
        """
        try:
            message = None if self.call.cancelled else await self._down.get()
        except asyncio.CancelledError:
            self.cancel()
            raise
        if message is not None:
            return message
        self._down.put_nowait(None)  # for who receives once more
        if self.call.cancelled:
            raise UpstreamError(CANCELLED, "context canceled")
        error = self.task.exception()
        if isinstance(error, UpstreamError):  # a new one for each time
            raise UpstreamError(error.code, error.message, local=error.local)
        self.task.result()  # raises what the handler must not
        return None

    def cancel(self) -> None:
        """End the call at once."""
        if not self.task.done():
            self.call.cancelled = True
            self.task.cancel()

    def _ended(self, task: asyncio.Future[None]) -> None:
        self._down.put_nowait(None)
        if not task.cancelled():
            task.exception()  # seen, even if nobody receives any more


def _one(request: bytes) -> _Queue:
    up: _Queue = asyncio.Queue()
    up.put_nowait(request)
    up.put_nowait(None)
    return up


def _serialized(message: Message) -> bytes:
    return message if isinstance(message, bytes) else message.SerializeToString()
