"""A streaming call over grpcio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import grpc
import grpc.aio

from etcd_asgi.deadline import ended_by, exceeded
from etcd_asgi.errors import UpstreamError
from etcd_asgi.status import Code
from etcd_asgi.upstream.grpcio.awaited import Awaited, cancel_in_core
from etcd_asgi.upstream.grpcio.channels import Channels
from etcd_asgi.upstream.grpcio.errors import Ending

_CANCELLED = Ending(Code.CANCELLED, "context canceled")


class GrpcStream:
    """See :class:`~etcd_asgi.upstream.transport.UpstreamStream`.

    gRPC's flow control is the only buffer between etcd and the receiver: who does not receive
    stops etcd from sending.
    """

    __slots__ = ("_call", "_channels", "_deadline", "_ending", "_used")

    def __init__(self, call: Any, channels: Channels, deadline: float) -> None:
        self._call = call
        """gRPC's call; ``None`` when it has ended: errors that are kept must not keep it."""

        self._ending: Ending | None = None
        """How it has ended; ``None``: with OK, or not yet."""

        self._deadline = deadline
        self._used = channels.current
        self._channels = channels
        channels.calls.add(self)

    async def send(self, request: bytes) -> bool:
        """Send a message; false when the call is over."""
        call = self._call
        return call is not None and await self._is_taken(_write(call, request))

    async def half_close(self) -> None:
        """Say that no more messages will be sent."""
        call = self._call
        if call is not None:
            await self._is_taken(call.done_writing())

    async def receive(self) -> bytes | None:
        """The next message, or ``None`` at the end.

        Raises:
            UpstreamError: the call ended with a status other than OK.
        """
        if self._call is not None:
            message = await self._read()
            if message is not None:
                return message
        if self._ending is None:
            return None
        if self._ending is _CANCELLED:
            raise UpstreamError(_CANCELLED.code, _CANCELLED.message)
        if ended_by(self._deadline, self._ending.code):
            raise exceeded(local=False)  # as etcd's own end of the stream
        raise self._ending.error()

    async def _read(self) -> bytes | None:
        """The next message; ``None`` once the call has ended, in whatever way."""
        reading = Awaited(self._call.read(), self._call)
        ending: Ending | None = None
        try:
            message = await reading
        except grpc.aio.AioRpcError as error:
            ending = Ending.of(error)
        except asyncio.CancelledError:
            if reading.is_cancelled:
                self._end(_CANCELLED)
                raise
            if not _is_closed(self._call):
                raise
            ending = _CANCELLED
        else:
            if message is not grpc.aio.EOF:
                return message  # type: ignore[no-any-return]  # without a deserializer, bytes
        finally:
            del reading
        if ending not in (None, _CANCELLED):
            self._channels.note(ending, self._used)
        self._end(ending)
        return None

    def cancel(self) -> None:
        """End the call at once."""
        if self._call is not None:
            if not cancel_in_core(self._call):
                self._call.cancel()
            self._end(_CANCELLED)

    end = cancel

    async def _is_taken(self, writing: Awaitable[None]) -> bool:
        """Wait until gRPC has taken what is written; false when the call is over."""
        call, written = self._call, Awaited(writing, self._call)
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
        finally:
            del call, written, writing
        return True

    def _end(self, ending: Ending | None) -> None:
        """The channel may be closed as far as this call is concerned."""
        if self._call is not None:
            self._call, self._ending = None, ending
            self._channels.leave(self)


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
    """Tell whether gRPC's core took no message as the call is over."""
    return any(one.__name__ == "InternalError" for one in type(error).__mro__)


def _is_closed(call: Any) -> bool:
    """Whether a ``CancelledError`` of *call* says that it was ended, or its channel closed.

    The library raises it for that as well as for the task that waits for it.
    """
    task = asyncio.current_task()
    is_ended: bool = call is None or call.cancelled()
    return is_ended and (task is None or not task.cancelling())
