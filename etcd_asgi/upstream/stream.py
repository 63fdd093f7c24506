"""A streaming call over grpcio."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio

from etcd_asgi.errors import UpstreamError
from etcd_asgi.upstream.channels import Channels, was_closed
from etcd_asgi.upstream.deadlines import ended_by, exceeded


class GrpcStream:
    """See :class:`~etcd_asgi.upstream.seam.UpstreamStream`.

    gRPC's flow control is the only buffer between etcd and the receiver: who does not receive
    stops etcd from sending.
    """

    __slots__ = ("_call", "_channels", "_deadline", "_is_over", "_used")

    def __init__(self, call: Any, channels: Channels, deadline: float) -> None:
        self._call = call
        self._deadline = deadline
        self._used = channels.current
        self._channels = channels
        self._is_over = False
        channels.enter()

    async def send(self, request: bytes) -> bool:
        """Send a message; false when the call is over."""
        try:
            await self._call.write(request)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return False
        except asyncio.CancelledError:
            if not was_closed(self._call):
                raise
            return False
        return True

    async def half_close(self) -> None:
        """Say that no more messages will be sent."""
        try:
            await self._call.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return
        except asyncio.CancelledError:
            if not was_closed(self._call):
                raise

    async def receive(self) -> bytes | None:
        """The next message, or ``None`` at the end.

        Raises:
            UpstreamError: the call ended with a status other than OK.
        """
        try:
            message = await self._call.read()
        except grpc.aio.AioRpcError as error:
            self._end()
            raise self._translated(error) from None
        except asyncio.CancelledError:
            if not was_closed(self._call):
                raise
            self._end()
            raise UpstreamError(1, "context canceled") from None
        if message is not grpc.aio.EOF:
            answer: bytes = message
            return answer
        self._end()
        return None

    def cancel(self) -> None:
        """End the call at once."""
        self._call.cancel()
        self._end()

    def _translated(self, error: grpc.aio.AioRpcError) -> UpstreamError:
        """Our error for gRPC's. A deadline that passes is told as etcd's own end of the stream."""
        ours = self._channels.translate(error, self._used)
        if ended_by(self._deadline, ours.code):
            return exceeded(local=False)
        return ours

    def _end(self) -> None:
        """The channel may be closed as far as this call is concerned."""
        if not self._is_over:
            self._is_over = True
            self._channels.leave()
