"""A client that leaves while its call is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from etcd_asgi.endpoints.bodies import ClientGone

Leave = Callable[[], Awaitable[bool]]
"""Waits for the client to leave; gives false when that cannot be heard."""

_GRACE = 0.02
"""Seconds after which a call counts as waiting, or up to twice as many. Most are over long before,
and pay for neither a task that listens to the client nor a timer."""

_LISTENING = 10.0
"""Seconds for which the server may take to tell the listener that the request is over."""


class Presence:
    """Sees to it that calls end when their clients leave.

    One timer for each event loop looks for calls that wait, as long as there are calls at all: on
    some loops a timer of its own would cost a call more than its JSON does.
    """

    def __init__(self) -> None:
        self._rounds: dict[asyncio.AbstractEventLoop, _Rounds] = {}

    def during(self, leave: Leave) -> AbstractContextManager[None]:
        """A block of a task, for one call, which is cancelled when the client leaves.

        Raises:
            ClientGone: out of the block: the client left.
        """
        task = asyncio.current_task()
        assert task is not None, "an ASGI application runs in a task"
        loop = task.get_loop()
        return _Client(leave, task, self._rounds.get(loop) or self._new_rounds(loop))

    def _new_rounds(self, loop: asyncio.AbstractEventLoop) -> _Rounds:
        for one in [one for one in self._rounds if one.is_closed()]:
            self._rounds.pop(one, None)
        rounds = self._rounds[loop] = _Rounds(loop)
        return rounds


class _Rounds:
    """Goes round the calls of one event loop: those met for the second time are waiting."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._new: set[_Client] = set()
        self._met: set[_Client] = set()
        self._is_going = False

    def add(self, client: _Client) -> None:
        """Meet a call that begins."""
        self._new.add(client)
        if not self._is_going:
            self._is_going = True
            self._loop.call_later(_GRACE, self._go)

    def remove(self, client: _Client) -> None:
        """Forget a call that is over: at once, as memory that is freed soon is used again soon."""
        self._new.discard(client)
        self._met.discard(client)

    def _go(self) -> None:
        waiting, self._met, self._new = self._met, self._new, set()
        for client in waiting:
            client.listen()
        if self._met:
            self._loop.call_later(_GRACE, self._go)
        else:
            self._is_going = False


class _Client:
    """Listens for the client's leaving, once the call waits, and cancels its task."""

    __slots__ = ("_leave", "_left", "_listener", "_over", "_rounds", "_task")

    def __init__(self, leave: Leave, task: asyncio.Task[Any], rounds: _Rounds) -> None:
        self._leave = leave
        self._task = task
        self._rounds = rounds
        self._left = self._over = False
        self._listener: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        self._rounds.add(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._over = True
        self._rounds.remove(self)
        if self._listener is not None:
            # granian closes the connection of a request whose receive() was cancelled. All servers
            # end it when the answer is out; should one not, there is an end to it all the same.
            self._task.get_loop().call_later(_LISTENING, self._listener.cancel)
            if self._left and kind is asyncio.CancelledError and self._task.uncancel() == 0:
                raise ClientGone from None

    def listen(self) -> None:
        """Begin to listen."""
        self._listener = self._task.get_loop().create_task(self._listen())

    async def _listen(self) -> None:
        try:
            left = await self._leave()
        except Exception:  # noqa: BLE001 - some middleware raises once the body has been read
            return
        if left and not self._over:
            self._left = True
            self._task.cancel()
