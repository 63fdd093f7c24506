"""One object for each event loop: a gateway may serve several, each in its thread."""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerLoop(Generic[T]):
    """The objects of all event loops. Those of closed loops are forgotten when a new one is made.

    Args:
        make: makes the object of the running loop.
        forget: takes each object that is forgotten as its loop is closed.
    """

    __slots__ = ("_by_loop", "_forget", "_make")

    def __init__(self, make: Callable[[], T], forget: Callable[[T], None] = lambda _: None) -> None:
        self._make = make
        self._forget = forget
        self._by_loop: dict[AbstractEventLoop, T] = {}

    def here(self) -> T:
        """Return the object of the running loop; make it if there is none."""
        loop = asyncio.get_running_loop()
        found = self._by_loop.get(loop)
        return self._new(loop) if found is None else found

    def take(self) -> T | None:
        """Forget the object of the running loop, and return it, if there is one."""
        return self._by_loop.pop(asyncio.get_running_loop(), None)

    def _new(self, loop: AbstractEventLoop) -> T:
        for one in [one for one in self._by_loop if one.is_closed()]:
            if (closed := self._by_loop.pop(one, None)) is not None:
                self._forget(closed)
        made = self._by_loop[loop] = self._make()
        return made
