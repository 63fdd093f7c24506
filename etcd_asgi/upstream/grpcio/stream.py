"""A streaming call over grpcio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any

import grpc.aio

from etcd_asgi.etcd.error_texts import CANCELLED
from etcd_asgi.status import Code
from etcd_asgi.upstream.grpcio.errors import transport_error
from etcd_asgi.upstream.grpcio.operation import Operation, cancel_in_core
from etcd_asgi.upstream.transport import TransportError


class GrpcStream:
    """Streaming call over grpcio: see :class:`~etcd_asgi.upstream.transport.TransportStream`.

    gRPC's flow control is the only buffer between etcd and the receiver: who does not receive
    stops etcd from sending.
    """

    __slots__ = ("_call",)

    def __init__(self, call: Any) -> None:
        self._call = call

    def send(self, request: bytes) -> Coroutine[Any, Any, bool]:
        """Send a message; false when the call is over."""
        return _is_taken(_write(self._call, request), self._call)

    async def half_close(self) -> None:
        """Say that no more messages will be sent."""
        await _is_taken(self._call.done_writing(), self._call)

    async def receive(self) -> bytes | None:
        """Return the next message, or ``None`` at the end."""
        reading = Operation(self._call.read(), self._call)
        try:
            message = await reading
        except grpc.aio.AioRpcError as error:
            failure = transport_error(error)
        except asyncio.CancelledError:
            if reading.is_cancelled or not _is_closed(self._call):
                raise
            failure = TransportError(Code.CANCELLED, CANCELLED)
        else:
            return None if message is grpc.aio.EOF else message
        try:
            raise failure  # not in the handlers, where it would keep gRPC's error
        finally:
            del failure  # its traceback has this frame, and the collector may not run for long

    def cancel(self) -> None:
        """End the call at once."""
        if not cancel_in_core(self._call):
            self._call.cancel()


async def _is_taken(writing: Awaitable[None], call: Any) -> bool:
    """Wait until gRPC has taken what is written; false when the call is over."""
    written = Operation(writing, call)
    try:
        await written
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        return False
    except Exception as error:
        if not _is_over(error):
            raise
        return False
    except asyncio.CancelledError:
        if written.is_cancelled or not _is_closed(call):
            raise
        return False
    return True


def _write(call: Any, request: bytes) -> Awaitable[None]:
    """Write a message past gRPC's own ``write``, where this call knows such a way.

    If etcd has ended the call meanwhile, that one gives it a status of its own, INTERNAL, and
    etcd's, which is on its way, is lost.

    Source: grpc src/python/grpcio/grpc/aio/_call.py, _StreamRequestMixin._write.
    """
    core, begun = getattr(call, "_cython_call", None), getattr(call, "_metadata_sent", None)
    if core is None or begun is None:  # an intercepted call, or a later release of grpcio
        written: Awaitable[None] = call.write(request)
        return written
    return _write_to_core(call, core, begun, request)


async def _write_to_core(call: Any, core: Any, begun: asyncio.Event, request: bytes) -> None:
    if not begun.is_set():
        await begun.wait()
    if call.done():
        raise asyncio.InvalidStateError
    await core.send_serialized_message(request)


def _is_over(error: Exception) -> bool:
    """Check whether gRPC's core took no message as the call is over."""
    return any(one.__name__ == "InternalError" for one in type(error).__mro__)


def _is_closed(call: Any) -> bool:
    """Check whether a ``CancelledError`` of *call* says that it was ended, or its channel closed.

    The library raises it for that as well as for the task that waits for it.
    """
    task = asyncio.current_task()
    is_ended: bool = call.cancelled()
    return is_ended and (task is None or not task.cancelling())
