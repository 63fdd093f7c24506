"""A streaming call over a pooled connection."""

from __future__ import annotations

from asyncio import CancelledError
from copy import copy

from etcd_asgi.deadline import Deadline, exceeded
from etcd_asgi.errors import UpstreamError
from etcd_asgi.etcd.error_texts import CANCELLED
from etcd_asgi.status import Code
from etcd_asgi.upstream.connections import Connections
from etcd_asgi.upstream.failover import upstream_error
from etcd_asgi.upstream.transport import Connection, TransportError, TransportStream


class PooledStream:
    """Streaming call: see :class:`~etcd_asgi.upstream.transport.UpstreamStream`.

    Args:
        call: the transport's.
        connections: what it is counted among.
        used: the one of them that it is made on.
        deadline: of the call.
    """

    __slots__ = ("_call", "_connections", "_deadline", "_error", "_used")

    def __init__(
        self,
        call: TransportStream,
        connections: Connections,
        used: Connection,
        deadline: Deadline,
    ) -> None:
        self._call: TransportStream | None = call
        """``None`` when it has ended: errors that are kept must not keep it."""

        self._error: UpstreamError | None = None
        """The error that it has ended with; ``None``: with OK, or not yet."""

        self._connections = connections
        self._used = used
        self._deadline = deadline
        connections.calls.add(self)

    async def send(self, request: bytes) -> bool:
        """Send a message; false when the call is over."""
        call = self._call
        return call is not None and await call.send(request)

    async def half_close(self) -> None:
        """Say that no more messages will be sent."""
        if self._call is not None:
            await self._call.half_close()

    async def receive(self) -> bytes | None:
        """Return the next message, or ``None`` at the end.

        Raises:
            UpstreamError: the call ended with a status other than OK.
        """
        if self._call is not None:
            try:
                message = await self._call.receive()
            except TransportError as error:
                self._fail(error)
            except CancelledError:
                self.cancel()
                raise
            else:
                if message is not None:
                    return message
                self._end(None)
        if self._error is None:
            return None
        # A new one for each time: one that is raised again grows its traceback.
        raise copy(self._error)

    def cancel(self) -> None:
        """End the call at once."""
        if self._call is not None:
            self._call.cancel()
            self._end(UpstreamError(Code.CANCELLED, CANCELLED))

    end = cancel

    def _fail(self, error: TransportError) -> None:
        self._connections.failover.note(error, self._used)
        if self._deadline.ended(error.code):
            self._end(exceeded(local=False))  # as etcd's own end of the stream
        else:
            self._end(upstream_error(error))

    def _end(self, error: UpstreamError | None) -> None:
        """Note the end, so that the connection may be closed as far as this call is concerned."""
        if self._call is not None:
            self._call, self._error = None, error
            self._connections.ended(self)
