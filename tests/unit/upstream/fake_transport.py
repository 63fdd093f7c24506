"""A transport in memory, over the upstream in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any

from etcd_asgi import Limits, UpstreamError
from etcd_asgi.errors import CLOSING, too_long
from etcd_asgi.metadata import Metadata
from etcd_asgi.testing import FakeUpstream
from etcd_asgi.upstream import Target
from etcd_asgi.upstream.certificates import Secure
from etcd_asgi.upstream.transport import TransportError, UpstreamStream


def refused() -> TransportError:
    return TransportError(14, "nobody listens", sent=False, unreachable=True, local=True)


def lost() -> TransportError:
    return TransportError(14, "connection reset", unreachable=True, local=True)


def translated(error: UpstreamError) -> TransportError:
    return TransportError(error.code, error.message, local=error.local)


class FakeTransport:
    """Opens connections to *upstream*, which can be refused and lost.

    Attributes:
        away: targets that refuse connections.
        opened: all connections so far.
        fork_error: as a transport has it.
    """

    def __init__(self, upstream: FakeUpstream, limits: Limits | None = None) -> None:
        self.upstream = upstream
        self.limit = (limits or Limits()).max_answer_bytes
        self.away: set[Target] = set()
        self.opened: list[FakeConnection] = []
        self.fork_error: str | None = None

    def open(self, target: Target, secure: Secure | None, *, for_streams: bool) -> FakeConnection:
        self.opened.append(FakeConnection(self, target, secure))
        return self.opened[-1]

    def lose(self) -> None:
        """Break all connections."""
        for connection in self.opened:
            connection.end(lost())


class FakeConnection:
    def __init__(self, transport: FakeTransport, target: Target, secure: Secure | None) -> None:
        self._transport = transport
        self.target = target
        self.secure = secure
        self.is_closed = False
        self.asked: list[str] = []
        """The RPCs of its calls."""

        self._calls: set[FakeUnaryCall | FakeTransportStream] = set()

    @property
    def upstream(self) -> FakeUpstream:
        return self._transport.upstream

    def unary(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> FakeUnaryCall:
        self.asked.append(rpc)
        call = FakeUnaryCall(self._call(rpc, request, metadata, timeout))
        self._calls.add(call)
        return call

    def stream(
        self, rpc: str, request: bytes | None, metadata: Metadata, timeout: float | None
    ) -> FakeTransportStream:
        self.asked.append(rpc)
        if request is None:
            below: UpstreamStream = self.upstream.bidi(rpc, metadata, timeout)
        else:
            below = self.upstream.server_stream(rpc, request, metadata, timeout)
        call = FakeTransportStream(below, self)
        if self.is_away:
            call.fail(refused())
        self._calls.add(call)
        return call

    async def connect(self) -> bool:
        await asyncio.sleep(0)
        return not self.is_away

    async def close(self) -> None:
        self.is_closed = True
        self.end(TransportError(1, "context canceled"))

    def end(self, error: TransportError) -> None:
        """End the calls under way with *error*."""
        for call in self._calls:
            call.fail(error)
        self._calls.clear()

    @property
    def is_away(self) -> bool:
        return self.target in self._transport.away

    def checked(self, message: bytes) -> bytes:
        if len(message) > self._transport.limit:
            error = too_long(len(message), self._transport.limit)
            raise TransportError(error.code, error.message, local=True)
        return message

    async def _call(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> bytes:
        if self.is_away:
            raise refused()
        try:
            reply = await self.upstream.unary(rpc, request, metadata, timeout)
        except UpstreamError as error:
            failure = translated(error)
        else:
            return self.checked(reply)
        raise failure


class FakeUnaryCall:
    def __init__(self, work: Coroutine[Any, Any, bytes]) -> None:
        self._task = asyncio.ensure_future(work)
        self._error: TransportError | None = None

    def __await__(self) -> Generator[Any, Any, bytes]:
        return self._task.__await__()

    def failure(self, error: BaseException) -> TransportError | None:
        if isinstance(error, TransportError):
            return error
        return self._error if isinstance(error, asyncio.CancelledError) else None

    def end(self) -> None:
        self.fail(TransportError(14, CLOSING, local=True))

    def fail(self, error: TransportError) -> None:
        if not self._task.done():
            self._error = self._error or error
            self._task.cancel()


class FakeTransportStream:
    def __init__(self, below: UpstreamStream, connection: FakeConnection) -> None:
        self._below = below
        self._connection = connection
        self._error: TransportError | None = None
        self.send, self.half_close, self.cancel = below.send, below.half_close, below.cancel

    async def receive(self) -> bytes | None:
        try:
            message = await self._below.receive()
        except UpstreamError as error:
            failure = self._error or translated(error)
        else:
            return None if message is None else self._connection.checked(message)
        raise failure

    def fail(self, error: TransportError) -> None:
        self._error = error
        self._below.cancel()
