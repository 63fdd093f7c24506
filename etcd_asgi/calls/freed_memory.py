"""Gives freed memory back to the operating system.

The C library keeps the memory of large responses, in parts that it could use again, for as long as
the process lives. glibc gives it back on request; other libraries do so by themselves.

Source: the manual page malloc_trim(3).
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from functools import cache

_PAUSE = 1.0
"""Seconds before memory is given back, so that this is not done for each response."""


class FreedMemory:
    """Memory that the large responses of a gateway have freed."""

    def __init__(self) -> None:
        self._timers: dict[asyncio.AbstractEventLoop, asyncio.TimerHandle] = {}

    def give_back_soon(self) -> None:
        """Give memory back after a while, in a thread, unless that is about to happen."""
        loop = asyncio.get_running_loop()
        if loop not in self._timers:
            for one in [one for one in self._timers if one.is_closed()]:
                self._timers.pop(one, None)
            self._timers[loop] = loop.call_later(_PAUSE, self._give_back, loop)

    def close(self) -> None:
        """Cancel the timer of the running event loop."""
        timer = self._timers.pop(asyncio.get_running_loop(), None)
        if timer is not None:
            timer.cancel()

    def _give_back(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timers.pop(loop, None)
        trim = _trim()
        if trim is not None:
            loop.run_in_executor(None, trim, 0)


@cache
def _trim() -> Callable[[int], object] | None:
    try:
        found: Callable[[int], object] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # not glibc
        return None
    return found
