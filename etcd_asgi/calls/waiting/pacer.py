"""Ends waiting calls one after the other, with a pause after each."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

Work = Callable[[], Coroutine[Any, Any, None]]


class Pacer:
    """A queue of ends on the running event loop.

    Each end belongs to a call that has a place, so there are no more ends than places.

    Args:
        pause: seconds from the start of one end to that of the next.
    """

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._queue: deque[Work] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    def add(self, end: Work) -> None:
        """Queue the *end* of a call, which raises nothing."""
        self._queue.append(end)
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def drain(self, timeout: float) -> None:
        """Wait until all ends have begun, and *timeout* seconds for them to be over."""
        if self._worker is not None:
            await asyncio.wait({self._worker})
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=timeout)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._queue:
                task = loop.create_task(self._queue.popleft()())
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
                await asyncio.sleep(self._pause)
        finally:
            self._worker = None
