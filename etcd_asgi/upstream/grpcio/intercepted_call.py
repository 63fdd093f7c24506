"""Unary calls on a channel with interceptors of the host's: tracing and error tools put them in."""

from __future__ import annotations

from asyncio import CancelledError, current_task
from collections.abc import Callable, Generator
from contextvars import ContextVar
from typing import Any

from etcd_asgi.upstream.grpcio.operation import cancel_in_core


class InterceptedCall:
    """Unary call with interceptors around it; cancelling it also ends the call within.

    Interceptors wait for the status of the call that they have started. Cancelling them there does
    not cancel that call: it would go on in etcd without its client, in the queue of a lock too. So
    this notes each call that is started within, and ends it.

    Args:
        begin: makes the call; see :func:`notes_calls`.
        request: its message.
        options: as gRPC takes them.
    """

    __slots__ = ("_call", "_is_over", "_within")

    def __init__(self, begin: Callable[..., Any], request: bytes, **options: Any) -> None:
        self._is_over = False
        self._within: list[Any] = []
        """Calls started so far, which ``cancel()`` ends."""

        token = _OUTER.set(self)  # gRPC's tasks copy the context in which they are made
        try:
            self._call: Any = begin(request, **options)
        finally:
            _OUTER.reset(token)

    def __await__(self) -> Generator[Any, Any, Any]:
        try:
            return (yield from self._call.__await__())
        except CancelledError:
            self.cancel()
            raise
        finally:
            # The contexts of the tasks within know this object: keep no circle of references.
            self._call = None
            self._within.clear()

    def cancel(self) -> None:
        """End the call, and what an interceptor may start yet."""
        self._is_over = True
        if self._call is not None:
            self._call.cancel()
        for task in self._within:
            _end(task)

    def note(self, task: Any) -> None:
        """Take note of *task*, which makes a call within this one."""
        if self._is_over:
            task.cancel()
        else:
            self._within.append(task)


_OUTER: ContextVar[InterceptedCall] = ContextVar("etcd_asgi_intercepted_call")


def notes_calls(request: bytes) -> bytes:
    """Serialize *request*, which it is already, for channels with interceptors.

    gRPC serializes in the task that makes the call, and nowhere else is that task to be had.

    Source: grpc src/python/grpcio/grpc/aio/_call.py, UnaryUnaryCall._invoke.
    """
    outer, task = _OUTER.get(None), current_task()
    if outer is not None and task is not None:
        outer.note(task)
    return request


def _end(task: Any) -> None:
    """End the call of *task*, in the core alone if possible: see ``operation.py``."""
    frame = getattr(task.get_coro(), "cr_frame", None)
    call = None if frame is None else frame.f_locals.get("self")
    if not cancel_in_core(call):
        task.cancel()
