"""Requests that wait: counted, timed while they are read, ended when their clients disconnect."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, current_task
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.types import Receive

from etcd_asgi.calls.freed_memory import FreedMemory
from etcd_asgi.calls.open_streams import OpenStreams
from etcd_asgi.errors import ClientDisconnected, Denied, UpstreamError, too_slow
from etcd_asgi.settings import Limits

Task = asyncio.Task[Any]


class _Block:
    """One of the calls that a task may have, each within another: it stands for the task."""

    __slots__ = ("cancel", "get_loop", "uncancel")

    def __init__(self, task: Task) -> None:
        self.cancel, self.uncancel, self.get_loop = task.cancel, task.uncancel, task.get_loop


Call = Task | _Block
"""What a call is known by."""

Reason = ClientDisconnected | Denied | UpstreamError
"""Why a request that waited was ended."""

_GRACE = 0.02
"""Seconds after which a call counts as waiting, or up to twice as many. Most are over long before,
and pay for neither a place, a timer, nor a task that listens to the client."""

_LEAVES = ("http.disconnect", "websocket.disconnect")

_LISTENING = 10.0
"""Seconds for which the server may take to tell the listener that the request is over."""


class Presence:
    """Watches the requests that wait, and ends those that nobody waits for.

    A request waits in two ways. While it is read it has a time limit. While its call is under way
    it ends when its client disconnects. In both it has one of the gateway's places for all that
    waits, and ends where there is none.

    One timer for each event loop looks for requests that wait, as long as there are any: on some
    loops a timer of its own would cost a call more than its JSON does.

    Args:
        places: of all that waits on the gateway.
        request_timeout: seconds in which a request must have come.
        freed: told of each call whose client has disconnected: its response was under way.
    """

    def __init__(
        self,
        places: OpenStreams | None = None,
        request_timeout: float = Limits().request_timeout,
        freed: FreedMemory | None = None,
    ) -> None:
        self._freed = freed
        self._places = OpenStreams(Limits().max_streams) if places is None else places
        self._timeout = request_timeout
        self._rounds: dict[asyncio.AbstractEventLoop, _Rounds] = {}

    @contextmanager
    def during(self, receive: Receive | None) -> Iterator[None]:
        """Guard a block of a task, for one request, which is cancelled when that is ended.

        There may be others in it: functions of the host may ask the gateway.

        Args:
            receive: see :meth:`listen`; ``None``: the block reads the request.

        Raises:
            ClientDisconnected: out of the block: the client disconnected.
            Denied: out of a block that reads: the request has not come in time.
            UpstreamError: too many wait already, or the gateway is closed.
        """
        call = _Block(_this_task())
        self._begin(call, receive)
        try:
            yield
        except CancelledError:
            self.raise_reason(call)
            raise
        finally:
            self.end(call)

    def begin(self) -> Task:
        """Begin to read a request in the running task.

        The block of :meth:`during` costs a small call much.

        Returns:
            The task, which stands for the call. No other may begin in it before this one ends.
        """
        task = _this_task()
        self._begin(task, None)
        return task

    def listen(self, call: Call, receive: Receive) -> None:
        """Listen to the client of a request that has come, as soon as its call waits.

        Args:
            call: what :meth:`begin` returned.
            receive: gives what comes after the request. Where that is not the client's disconnect,
                nobody can hear it: hosts that read a body and give it again often do so with a
                *receive* that gives it for ever and never waits.
        """
        self._rounds[call.get_loop()].listen(call, receive)

    def end(self, call: Call) -> None:
        """A call is over.

        It is forgotten at once, as memory that is freed soon is used again soon.
        """
        rounds = self._rounds.get(call.get_loop())
        if rounds is None:
            return
        if call in rounds.new:
            del rounds.new[call]
        else:
            rounds.end(call)

    def raise_reason(self, call: Call) -> None:
        """Raise the reason why the task of *call* is cancelled, if it was ended here.

        Raises:
            ClientDisconnected: see :meth:`during`.
            Denied: see :meth:`during`.
            UpstreamError: see :meth:`during`.
        """
        rounds = self._rounds.get(call.get_loop())
        reason = None if rounds is None else rounds.reason(call)
        if reason is not None and call.uncancel() == 0:
            if self._freed is not None:
                self._freed.give_back_soon()
            raise reason from None

    def _begin(self, call: Call, receive: Receive | None) -> None:
        rounds = self._rounds.get(call.get_loop()) or self._new_rounds(call.get_loop())
        rounds.new[call] = receive
        if not rounds.is_going:
            rounds.start()

    def _new_rounds(self, loop: asyncio.AbstractEventLoop) -> _Rounds:
        for one in [one for one in self._rounds if one.is_closed()]:
            if (closed := self._rounds.pop(one, None)) is not None:
                closed.drop()
        rounds = self._rounds[loop] = _Rounds(loop, self._places, self._timeout)
        return rounds


def _this_task() -> Task:
    task = current_task()
    assert task is not None, "an ASGI application runs in a task"
    return task


class _Rounds:
    """Goes round the calls of one event loop: those met for the second time are waiting."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, places: OpenStreams, timeout: float
    ) -> None:
        self._loop = loop
        self._places = places
        self._timeout = timeout
        self.new: dict[Call, Receive | None] = {}
        """Calls that have begun since the last round; ``None``: they are being read."""

        self._met: dict[Call, Receive | None] = {}
        self._waiting: dict[Call, _Waiting] = {}
        self.is_going = False

    def start(self) -> None:
        """Begin to go round."""
        self.is_going = True
        self._loop.call_later(_GRACE, self._go)

    def listen(self, call: Call, receive: Receive) -> None:
        """Note that a request has been read."""
        if call in self.new:
            self.new[call] = receive
        elif call in self._met:
            self._met[call] = receive
        else:
            self._waiting[call].listen(receive)

    def end(self, call: Call) -> None:
        """Forget a call that a round has met."""
        if call in self._met:
            del self._met[call]
        elif (one := self._waiting.pop(call, None)) is not None:
            one.over()

    def drop(self) -> None:
        """Forget all calls: their loop is closed."""
        for one in self._waiting.values():
            self._places.give_back(one)

    def reason(self, call: Call) -> Reason | None:
        """Return the reason why *call* was ended here, if it was."""
        one = self._waiting.get(call)
        return None if one is None else one.reason

    def _go(self) -> None:
        waiting, self._met, self.new = self._met, self.new, {}
        for call, receive in waiting.items():
            self._waiting[call] = _Waiting(call, self._places, self._timeout, receive)
        if self._met:
            self._loop.call_later(_GRACE, self._go)
        else:
            self.is_going = False


class _Waiting:
    """A request that waits; its task is cancelled when it is ended, for a reason."""

    __slots__ = ("_call", "_is_over", "_listening", "_places", "_timer", "loop", "reason")

    def __init__(
        self, call: Call, places: OpenStreams, timeout: float, receive: Receive | None
    ) -> None:
        self.loop = call.get_loop()
        self.reason: Reason | None = None
        self._call = call
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
        self._no_timer()
        if self.reason is None:
            self._listening = self.loop.create_task(self._listen(receive))

    def end(self, how: UpstreamError) -> None:
        """End a request that is being read. A call under way ends with its connection."""
        if self._timer is not None:
            self._cancel(how)

    def over(self) -> None:
        """The call is over.

        granian closes the connection of a request whose receive() was cancelled. All servers end it
        when the answer is out; should one not, there is an end to it all the same.
        """
        self._is_over = True
        self._places.give_back(self)
        self._no_timer()
        if self._listening is not None and not self.loop.is_closed():
            self.loop.call_later(_LISTENING, self._listening.cancel)

    def _no_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cancel(self, reason: Reason) -> None:
        if not self._is_over and self.reason is None:
            self.reason = reason
            self._call.cancel()

    async def _listen(self, receive: Receive) -> None:
        try:
            event = await receive()
        except Exception:  # noqa: BLE001 - some middleware raises once the body has been read
            return
        if event["type"] in _LEAVES:
            self._cancel(ClientDisconnected())
