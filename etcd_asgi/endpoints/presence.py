"""A client that leaves while its call is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

from etcd_asgi.endpoints.bodies import ClientGone

T = TypeVar("T")

Leave = Callable[[], Awaitable[bool]]
"""Waits for the client to leave; gives false when that cannot be heard."""

_GRACE = 0.02
"""Seconds after which a call counts as waiting. Most are over long before, and pay only for a
timer instead of a task that listens for the client."""

_LISTENING = 10.0
"""Seconds for which the server may take to tell the listener that the request is over."""


async def while_present(leave: Leave, call: Coroutine[object, object, T]) -> T:
    """Await *call*, and cancel it when the client leaves.

    Raises:
        ClientGone: the client left.
    """
    watch = _Watch(leave)
    try:
        return await call
    except asyncio.CancelledError:
        if watch.left and watch.task.uncancel() == 0:
            raise ClientGone from None
        raise
    finally:
        watch.stop()


class _Watch:
    """Listens for the client's leaving, once the grace is over, and cancels the current task."""

    def __init__(self, leave: Leave) -> None:
        task = asyncio.current_task()
        assert task is not None, "an ASGI application runs in a task"
        self.task = task
        self.left = False
        self._over = False
        self._leave = leave
        self._listener: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(_GRACE, self._start)

    def _start(self) -> None:
        self._listener = self._loop.create_task(self._listen())

    async def _listen(self) -> None:
        try:
            left = await self._leave()
        except Exception:  # noqa: BLE001 - some middleware raises once the body has been read
            return
        if left and not self._over:
            self.left = True
            self.task.cancel()

    def stop(self) -> None:
        self._over = True
        self._timer.cancel()
        if self._listener is not None:
            # granian closes the connection of a request whose receive() was cancelled. All servers
            # end it when the answer is out; should one not, there is an end to it all the same.
            self._loop.call_later(_LISTENING, self._listener.cancel)
