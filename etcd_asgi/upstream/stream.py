"""A streaming call over grpcio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

from etcd_asgi.errors import UpstreamError

Translate = Callable[[grpc.aio.AioRpcError], UpstreamError]


class GrpcStream:
    """See :class:`~etcd_asgi.upstream.seam.UpstreamStream`.

    gRPC's flow control is the only buffer between etcd and the receiver: who does not receive
    stops etcd from sending.
    """

    def __init__(self, call: Any, translate: Translate) -> None:
        self._call = call
        self._translate = translate

    async def send(self, request: bytes) -> bool:
        """Send a message; false when the call is over."""
        try:
            await self._call.write(request)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return False
        return True

    async def half_close(self) -> None:
        """Say that no more messages will be sent."""
        try:
            await self._call.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return

    async def receive(self) -> bytes | None:
        """The next message, or ``None`` at the end.

        Raises:
            UpstreamError: the call ended with a status other than OK.
        """
        try:
            message = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise self._translate(error) from None
        except asyncio.CancelledError:
            # The library raises it for a call that was cancelled as well as for its reader.
            if not self._call.cancelled() or _is_cancelling():
                raise
            raise UpstreamError(1, "context canceled") from None
        return None if message is grpc.aio.EOF else message

    def cancel(self) -> None:
        """End the call at once."""
        self._call.cancel()


def _is_cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
