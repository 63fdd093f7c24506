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

        The three methods that it consists of are for calls to which a block costs too much.

        Args:
            receive: see :meth:`begin`.

        Raises:
            ClientGone: out of the block: the client left.
        """
        task = self.begin(receive)
        try:
            yield
        except CancelledError:
            self.raise_if_left(task)
            raise
        finally:
            self.end(task)

    def begin(self, receive: Receive) -> Task:
        """A call begins in the running task.

        Args:
            receive: gives what comes after the request. Where that is not the client's leave,
                nobody can hear it: hosts that read a body and give it again often do so with a
                *receive* that gives it for ever and never waits.

        Returns:
            The task. No other call may begin in it before this one ends.
        """
        task = current_task()
        assert task is not None, "an ASGI application runs in a task"
        rounds = self._rounds.get(task.get_loop()) or self._new_rounds(task.get_loop())
        rounds.new[task] = receive
        if not rounds.is_going:
            rounds.start()
        return task

    def end(self, task: Task) -> None:
        """The call of *task* is over.

        It is forgotten at once, as memory that is freed soon is used again soon.
        """
        rounds = self._rounds[task.get_loop()]
        if rounds.new.pop(task, None) is None:
            rounds.end(task)

    def raise_if_left(self, task: Task) -> None:
        """Tell whether the client's leave is why the call of *task* is cancelled.

        Raises:
            ClientGone: the client left.
        """
        if self._rounds[task.get_loop()].has_left(task) and task.uncancel() == 0:
            raise ClientGone from None

    def _new_rounds(self, loop: asyncio.AbstractEventLoop) -> _Rounds:
        for one in [one for one in self._rounds if one.is_closed()]:
            self._rounds.pop(one, None)
        rounds = self._rounds[loop] = _Rounds(loop)
        return rounds


class _Rounds:
    """Goes round the calls of one event loop: those met for the second time are waiting."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.new: dict[Task, Receive] = {}
        """Calls that have begun since the last round."""

        self._met: dict[Task, Receive] = {}
        self._waiting: dict[Task, _Listener] = {}
        self.is_going = False

    def start(self) -> None:
        """Begin to go round."""
        self.is_going = True
        self._loop.call_later(_GRACE, self._go)

    def end(self, task: Task) -> None:
        """Forget a call that a round has met."""
        if self._met.pop(task, None) is None and (one := self._waiting.pop(task, None)) is not None:
            one.end()

    def has_left(self, task: Task) -> bool:
        """Whether the client of *task*'s call is known to have left."""
        one = self._waiting.get(task)
        return one is not None and one.has_left

    def _go(self) -> None:
        waiting, self._met, self.new = self._met, self.new, {}
        for task, receive in waiting.items():
            self._waiting[task] = _Listener(task, receive)
        if self._met:
            self._loop.call_later(_GRACE, self._go)
        else:
            self.is_going = False


class _Listener:
    """Listens for the leave of a client whose call waits, and cancels its task."""

    __slots__ = ("_call", "_is_over", "_listening", "_receive", "has_left")

    def __init__(self, call: Task, receive: Receive) -> None:
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
        self._call.get_loop().call_later(_LISTENING, self._listening.cancel)

    async def _listen(self) -> None:
        try:
            event = await self._receive()
        except Exception:  # noqa: BLE001 - some middleware raises once the body has been read
            return
        if event["type"] in _LEAVES and not self._is_over:
            self.has_left = True
            self._call.cancel()
