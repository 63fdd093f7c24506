"""An operation of a gRPC call, awaited so that cancelling the awaiting task leaks no memory."""

from __future__ import annotations

from asyncio import CancelledError, Future
from collections.abc import Awaitable, Callable, Generator
from typing import Any

from grpc.aio import AioRpcError

from etcd_asgi.errors import CLOSING
from etcd_asgi.status import Code
from etcd_asgi.upstream.grpcio.errors import transport_error
from etcd_asgi.upstream.transport import TransportError

WHY = "cancelled by the gateway"
"""gRPC keeps it as the status of a call that was cancelled; it does not travel."""


def cancel_in_core(call: Any) -> bool:
    """Cancel *call* and none of gRPC's futures; false if this call knows no such way."""
    cancel = getattr(call, "_cancel", None)
    if cancel is None:
        return False
    cancel(WHY)
    return True


class Operation:
    """Operation of a gRPC call that a task awaits, where cancelling the task ends the call.

    Cancelling a task cancels the future that it waits for. gRPC has handed the memory for a message
    to its core by then, and frees it only once that very future has its result: a message that
    arrives meanwhile is lost, with its memory. So this stands between the task and gRPC's futures.
    When the task is cancelled it cancels the call in the core alone. The futures then come to their
    ends in order, within moments, and only then the task gets its ``CancelledError``.

    It is what asyncio calls a future-like object, and its own iterator, as this is on the way of
    each call. Await it once.

    Args:
        awaitable: what to await, such as a unary call, or ``call.read()``.
        call: ends with the task. If it cannot be cancelled in the core alone (an intercepted call,
            a later release of grpcio), the futures are cancelled as usual.

    Source: grpc src/python/grpcio/grpc/_cython/_cygrpc/aio/callback_common.pyx.pxi, execute_batch
    (``event`` frees the message after the future); Python's asyncio.isfuture for the protocol.
    """

    __slots__ = (
        "_asyncio_future_blocking",
        "_call",
        "_reason",
        "_steps",
        "_waits_for",
        "add_done_callback",
        "get_loop",
        "is_cancelled",
        "is_ended",
    )

    _waits_for: Future[Any]

    def __init__(self, awaitable: Awaitable[Any], call: Any) -> None:
        self._steps = awaitable.__await__()
        self._call = call
        self.is_cancelled = False
        """True once the task that awaits it was cancelled."""

        self.is_ended = False
        """True once :meth:`end` was called."""

    def end(self) -> None:
        """End the call as the gateway closes. It is awaited to its end, and then has failed."""
        self.is_ended = True
        if not cancel_in_core(self._call):
            self._call.cancel()

    def failure(self, error: BaseException) -> TransportError | None:
        """Return what ended the call when awaiting it raised *error*; ``None``: nothing did."""
        if isinstance(error, AioRpcError):
            return transport_error(error)
        if isinstance(error, CancelledError) and self.is_ended and not self.is_cancelled:
            return TransportError(Code.UNAVAILABLE, CLOSING, local=True, closing=True)
        return None

    # ---- the iterator that a task drives

    def __await__(self) -> Generator[Any, Any, Any]:
        return self  # type: ignore[return-value]  # it has what tasks use of a generator

    def __next__(self) -> Any:
        if self.is_cancelled:
            return self._to_the_end(self._steps.__next__)
        # As in _wait_for, which would cost a small call one function more.
        future = next(self._steps)
        if future is None:
            return None
        future._asyncio_future_blocking = False  # noqa: SLF001 - asyncio's protocol
        self.get_loop, self.add_done_callback = future.get_loop, future.add_done_callback
        self._waits_for, self._asyncio_future_blocking = future, True
        return self

    def throw(self, error: BaseException, *rest: Any) -> Any:
        """Pass on an error of the future that was waited for."""
        if self.is_cancelled:
            return self._to_the_end(self._steps.throw, error, *rest)
        return self._wait_for(self._steps.throw(error, *rest))

    def close(self) -> None:
        """Give up, as when an event loop is closed."""
        self._steps.close()

    def _to_the_end(self, step: Callable[..., Any], *arguments: Any) -> Any:
        """Go on though the task was cancelled, and raise that at the end, whatever that is."""
        try:
            return self._wait_for(step(*arguments))
        except (Exception, CancelledError):  # noqa: BLE001, S110 - it counts that it has ended
            pass
        raise CancelledError(*self._reason)

    def _wait_for(self, future: Any) -> Any:
        if future is None:  # a pause of an interceptor's own
            return None
        future._asyncio_future_blocking = False  # noqa: SLF001 - asyncio's protocol
        self.get_loop, self.add_done_callback = future.get_loop, future.add_done_callback
        self._waits_for, self._asyncio_future_blocking = future, True
        return self

    # ---- the future that a task waits for, and that others look at, such as anyio. What a task
    # ---- calls of it each time are methods of the future within, in slots: get_loop and
    # ---- add_done_callback.

    def remove_done_callback(self, callback: Callable[[Future[Any]], object]) -> int:
        """See :class:`asyncio.Future`."""
        return self._waits_for.remove_done_callback(callback)

    def done(self) -> bool:
        """See :class:`asyncio.Future`."""
        return self._waits_for.done()

    def cancelled(self) -> bool:
        """See :class:`asyncio.Future`."""
        return self._waits_for.cancelled()

    def result(self) -> Any:
        """See :class:`asyncio.Future`."""
        return self._waits_for.result()

    def exception(self) -> BaseException | None:
        """See :class:`asyncio.Future`."""
        return self._waits_for.exception()

    def cancel(self, msg: Any = None) -> bool:
        """End the call, as the task that awaits it is cancelled."""
        self.is_cancelled = True
        self._reason = () if msg is None else (msg,)
        return cancel_in_core(self._call) or self._waits_for.cancel(msg)
