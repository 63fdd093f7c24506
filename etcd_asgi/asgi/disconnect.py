"""Calls that wait: counted, timed, and cancelled when their clients disconnect."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, Task, current_task
from functools import partial
from types import TracebackType
from typing import Any, Self

from starlette.types import Receive

from etcd_asgi.calls.freed_memory import FreedMemory
from etcd_asgi.calls.open_streams import OpenStreams
from etcd_asgi.errors import ClientDisconnected, Denied, UpstreamError, too_slow
from etcd_asgi.per_loop import PerLoop
from etcd_asgi.settings import Limits

Reason = ClientDisconnected | Denied | UpstreamError
"""The reason why a call that waited was ended."""

_GRACE = 0.02
"""Seconds after which a call counts as waiting, or up to twice as many. Most are over long before,
and pay for neither a place, a timer, nor a task that listens to the client."""

_DISCONNECTS = ("http.disconnect", "websocket.disconnect")

_LISTENER_TIME = 10.0
"""Seconds for which a listener may outlive its call, until the server reports the disconnect."""


class DisconnectMonitor:
    """The monitor of calls that wait: it cancels those whose clients have disconnected.

    A call waits in two ways. While its request is read it has a time limit. While etcd works on it
    it is cancelled when its client disconnects. In both it has one of the gateway's places for all
    that waits, and is ended where there is none.

    One timer for each event loop looks for calls that wait, as long as there are any: on some loops
    a timer of its own would cost a call more than its JSON does.

    Args:
        places: of all that waits on the gateway.
        request_timeout: seconds in which a request must have come.
        freed: gives back the memory of calls whose clients have disconnected.
    """

    def __init__(
        self,
        places: OpenStreams | None = None,
        request_timeout: float = Limits().request_timeout,
        freed: FreedMemory | None = None,
    ) -> None:
        self._freed = freed
        places = OpenStreams(Limits().max_streams) if places is None else places
        make = partial(_Scanner, places, request_timeout)
        self._scanners: PerLoop[_Scanner] = PerLoop(make, _Scanner.drop)

    def __len__(self) -> int:
        """Return the number of watched calls of the running event loop."""
        return len(self._scanners.here())

    def watch(self) -> Watch:
        """Make a context in which the running task reads one request and makes its call.

        There may be others in it: functions of the host may ask the gateway.
        """
        return Watch(self._scanners[asyncio.get_running_loop()], self._freed)


class Watch:
    """The context of one call: see :meth:`DisconnectMonitor.watch`.

    Out of it comes, when the call was ended here:

    Raises:
        ClientDisconnected: the client has disconnected.
        Denied: the request has not come in time.
        UpstreamError: too many wait already, or the gateway is closed.
    """

    __slots__ = ("_freed", "_scanner", "task")

    def __init__(self, scanner: _Scanner, freed: FreedMemory | None) -> None:
        self._scanner = scanner
        self._freed = freed

    def __enter__(self) -> Self:
        scanner = self._scanner
        task = current_task()
        assert task is not None, "an ASGI application runs in a task"
        self.task = task
        scanner.new[self] = None
        if not scanner.is_running:
            scanner.start()
        return self

    def listen(self, receive: Receive) -> None:
        """Listen to the client, whose request has come, as soon as its call waits.

        Args:
            receive: gives the ASGI message after the request. Where that is not a disconnect,
                none can be received: hosts that read a body and give it again often do so with a
                *receive* that gives it for ever and never waits.
        """
        scanner = self._scanner
        if self in scanner.new:
            scanner.new[self] = receive
        else:
            scanner.listen(self, receive)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        scanner = self._scanner
        if self in scanner.new:  # removed at once, so that its memory is reused
            del scanner.new[self]
            return
        reason = scanner.end(self)
        if kind is CancelledError and reason is not None and self.task.uncancel() == 0:
            if self._freed is not None:
                self._freed.give_back_soon()
            raise reason from None


class _Scanner:
    """The periodic scan of one event loop's calls: one seen in two scans gets a listener."""

    def __init__(self, places: OpenStreams, timeout: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._places = places
        self._timeout = timeout
        self.new: dict[Watch, Receive | None] = {}
        """Calls that have begun since the last scan; ``None``: their requests are being read."""

        self._seen: dict[Watch, Receive | None] = {}
        self._waiting: dict[Watch, _Waiting] = {}
        self.is_running = False

    def __len__(self) -> int:
        return len(self.new) + len(self._seen) + len(self._waiting)

    def start(self) -> None:
        """Begin to scan."""
        self.is_running = True
        self._loop.call_later(_GRACE, self._scan)

    def listen(self, watch: Watch, receive: Receive) -> None:
        """Note that a request that a scan has seen has been read."""
        if watch in self._seen:
            self._seen[watch] = receive
        else:
            self._waiting[watch].listen(receive)

    def end(self, watch: Watch) -> Reason | None:
        """Forget a call that a scan has seen; return the reason if it was ended here."""
        if watch in self._seen:
            del self._seen[watch]
        elif (one := self._waiting.pop(watch, None)) is not None:
            one.finish()
            return one.reason
        return None

    def drop(self) -> None:
        """Forget all calls: their loop is closed."""
        for one in self._waiting.values():
            self._places.give_back(one)

    def _scan(self) -> None:
        waiting, self._seen, self.new = self._seen, self.new, {}
        for watch, receive in waiting.items():
            self._waiting[watch] = _Waiting(watch.task, self._places, self._timeout, receive)
        if self._seen:
            self._loop.call_later(_GRACE, self._scan)
        else:
            self.is_running = False


class _Waiting:
    """A request that waits; its task is cancelled when it is ended, for a reason."""

    __slots__ = ("_is_over", "_listening", "_places", "_task", "_timer", "loop", "reason")

    def __init__(
        self,
        task: Task[Any],
        places: OpenStreams,
        timeout: float,
        receive: Receive | None,
    ) -> None:
        self.loop = task.get_loop()
        self._task = task
        self.reason: Reason | None = None
        self._places = places
        self._is_over = False
        self._timer: asyncio.TimerHandle | None = None
        self._listening: asyncio.Task[None] | None = None
        try:
            places.take(self)
        except UpstreamError as error:
            self._cancel(error.with_traceback(None))
            return
        if receive is None:
            self._timer = self.loop.call_later(timeout, self._cancel, too_slow(timeout))
        else:
            self.listen(receive)

    def listen(self, receive: Receive) -> None:
        """Listen to the client: the request has been read."""
        self._stop_timer()
        if self.reason is None:
            self._listening = self.loop.create_task(self._listen(receive))

    def end(self, how: UpstreamError) -> None:
        """End a request that is being read. A call under way ends with its connection."""
        if self._timer is not None:
            self._cancel(how)

    def finish(self) -> None:
        """End the waiting: the call is over.

        granian closes the connection of a request whose receive() was cancelled. All servers end
        receive() when the response is out; for any other server the listener is cancelled later.
        """
        self._is_over = True
        self._places.give_back(self)
        self._stop_timer()
        if self._listening is not None and not self.loop.is_closed():
            self.loop.call_later(_LISTENER_TIME, self._listening.cancel)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cancel(self, reason: Reason) -> None:
        if not self._is_over and self.reason is None:
            self.reason = reason
            self._task.cancel()

    async def _listen(self, receive: Receive) -> None:
        try:
            message = await receive()
        except Exception:  # noqa: BLE001 - some middleware raises once the body has been read
            return
        if message["type"] in _DISCONNECTS:
            self._cancel(ClientDisconnected())
