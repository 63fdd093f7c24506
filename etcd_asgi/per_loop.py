"""One object for each event loop: a gateway may serve several, each in its thread."""

from __future__ import annotations

from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class PerLoop(dict[AbstractEventLoop, T]):
    """The objects of all event loops. Those of closed loops are forgotten when a new one is made.

    ``loops[loop]`` makes the object of a loop that has none yet; it costs what a dict costs.

    Args:
        make: makes the object of the running loop.
        forget: takes each object that is forgotten as its loop is closed.
    """

    __slots__ = ("_forget", "_make")

    def __init__(self, make: Callable[[], T], forget: Callable[[T], None] = lambda _: None) -> None:
        super().__init__()
        self._make = make
        self._forget = forget

    def here(self) -> T:
        """Return the object of the running loop; make it if there is none."""
        return self[get_running_loop()]

    def take(self) -> T | None:
        """Forget the object of the running loop, and return it, if there is one."""
        return self.pop(get_running_loop(), None)

    def __missing__(self, loop: AbstractEventLoop) -> T:
        for one in [one for one in self if one.is_closed()]:
            if (closed := self.pop(one, None)) is not None:
                self._forget(closed)
        made = self[loop] = self._make()
        return made
