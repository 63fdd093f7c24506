"""A client that leaves while its call is under way."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, current_task
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.types import Receive

from etcd_asgi.endpoints.bodies import ClientGone

Task = asyncio.Task[Any]


class _Block:
    """One of the calls that a task may have, each within another: it stands for the task."""

    __slots__ = ("cancel", "get_loop", "uncancel")

    def __init__(self, task: Task) -> None:
        self.cancel, self.uncancel, self.get_loop = task.cancel, task.uncancel, task.get_loop


Call = Task | _Block
"""What a call is known by."""

_GRACE = 0.02
"""Seconds after which a call counts as waiting, or up to twice as many. Most are over long before,
and pay for neither a task that listens to the client nor a timer."""

_LEAVES = ("http.disconnect", "websocket.disconnect")

_LISTENING = 10.0
"""Seconds for which the server may take to tell the listener that the request is over."""


class Presence:
    """Sees to it that calls end when their clients leave.

    One timer for each event loop looks for calls that wait, as long as there are calls at all: on
    some loops a timer of its own would cost a call more than its JSON does.
    """

    def __init__(self) -> None:
        self._rounds: dict[asyncio.AbstractEventLoop, _Rounds] = {}

    @contextmanager
    def during(self, receive: Receive) -> Iterator[None]:
        """A block of a task, for one call, which is cancelled when the client leaves.

        There may be others in it: functions of the host may ask the gateway.

        Args:
            receive: see :meth:`begin`.

        Raises:
            ClientGone: out of the block: the client left.
        """
        call = _Block(_this_task())
        self._begin(call, receive)
        try:
            yield
        except CancelledError:
            self.raise_if_left(call)
            raise
        finally:
            self.end(call)

    def begin(self, receive: Receive) -> Task:
        """A call begins in the running task. The block of :meth:`during` costs a small call much.

        Args:
            receive: gives what comes after the request. Where that is not the client's leave,
                nobody can hear it: hosts that read a body and give it again often do so with a
                *receive* that gives it for ever and never waits.

        Returns:
            The task, which stands for the call. No other may begin in it before this one ends.
        """
        task = _this_task()
        self._begin(task, receive)
        return task

    def end(self, call: Call) -> None:
        """A call is over.

        It is forgotten at once, as memory that is freed soon is used again soon.
        """
        rounds = self._rounds.get(call.get_loop())
        if rounds is not None and rounds.new.pop(call, None) is None:
            rounds.end(call)

    def raise_if_left(self, call: Call) -> None:
        """Tell whether the client's leave is why the task of *call* is cancelled.

        Raises:
            ClientGone: the client left.
        """
        rounds = self._rounds.get(call.get_loop())
        if rounds is not None and rounds.has_left(call) and call.uncancel() == 0:
            raise ClientGone from None

    def _begin(self, call: Call, receive: Receive) -> None:
        rounds = self._rounds.get(call.get_loop()) or self._new_rounds(call.get_loop())
        rounds.new[call] = receive
        if not rounds.is_going:
            rounds.start()

    def _new_rounds(self, loop: asyncio.AbstractEventLoop) -> _Rounds:
        for one in [one for one in self._rounds if one.is_closed()]:
            self._rounds.pop(one, None)
        rounds = self._rounds[loop] = _Rounds(loop)
        return rounds


def _this_task() -> Task:
    task = current_task()
    assert task is not None, "an ASGI application runs in a task"
    return task


class _Rounds:
    """Goes round the calls of one event loop: those met for the second time are waiting."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.new: dict[Call, Receive] = {}
        """Calls that have begun since the last round."""

        self._met: dict[Call, Receive] = {}
        self._waiting: dict[Call, _Listener] = {}
        self.is_going = False

    def start(self) -> None:
        """Begin to go round."""
        self.is_going = True
        self._loop.call_later(_GRACE, self._go)

    def end(self, call: Call) -> None:
        """Forget a call that a round has met."""
        if self._met.pop(call, None) is None and (one := self._waiting.pop(call, None)) is not None:
            one.end()

    def has_left(self, call: Call) -> bool:
        """Whether the client of *call* is known to have left."""
        one = self._waiting.get(call)
        return one is not None and one.has_left

    def _go(self) -> None:
        waiting, self._met, self.new = self._met, self.new, {}
        for call, receive in waiting.items():
            self._waiting[call] = _Listener(call, receive)
        if self._met:
            self._loop.call_later(_GRACE, self._go)
        else:
            self.is_going = False


class _Listener:
    """Listens for the leave of a client whose call waits, and cancels its task."""

    __slots__ = ("_call", "_is_over", "_listening", "_receive", "has_left")

    def __init__(self, call: Call, receive: Receive) -> None:
        self._call = call
        self._receive = receive
        self._is_over = self.has_left = False
        self._listening = call.get_loop().create_task(self._listen())

    def end(self) -> None:
        """The call is over.

        granian closes the connection of a request whose receive() was cancelled. All servers end it
        when the answer is out; should one not, there is an end to it all the same.
        """
        self._is_over = True
        loop = self._call.get_loop()
        if not loop.is_closed():
            loop.call_later(_LISTENING, self._listening.cancel)

    async def _listen(self) -> None:
        try:
            event = await self._receive()
        except Exception:  # noqa: BLE001 - some middleware raises once the body has been read
            return
        if event["type"] in _LEAVES and not self._is_over:
            self.has_left = True
            self._call.cancel()
