"""How many calls wait in etcd for a lock or an election."""

from __future__ import annotations

import asyncio
from collections import Counter
from threading import Lock
from time import monotonic

from etcd_asgi.errors import UpstreamError
from etcd_asgi.settings import Limits
from etcd_asgi.status import Code

_LOOK_TIME = 0.01
"""Seconds between two looks for a free place."""

User = tuple[str, str | bytes] | None
"""Whose calls are counted together; ``None``: nobody's, the gateway's limit alone holds."""


class Places:
    """The places of a gateway, each for one call at a time.

    Args:
        limits: how many places there are, and how long calls wait for one.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._taken: Counter[User] = Counter()
        self._queued = 0
        self._lock = Lock()  # a gateway may serve several event loops, each in its thread

    def __len__(self) -> int:
        return self._taken.total()

    async def take(self, user: User, most: int) -> None:
        """Take a place for a call of *user*, who has *most*.

        Most locks are free, and their calls over within milliseconds. So a burst of them waits for
        each other's places a little.

        Raises:
            UpstreamError: 8, resource exhausted; none became free in time.
        """
        refusal = self._taken_for(user, most)
        if refusal is None:
            return
        self._queue(refusal)
        over = monotonic() + self._limits.waiting_place_timeout
        try:
            while (refusal := self._taken_for(user, most)) is not None:
                if monotonic() >= over:
                    raise refusal
                await asyncio.sleep(_LOOK_TIME)
        finally:
            with self._lock:
                self._queued -= 1

    def take_now(self, user: User, most: int) -> None:
        """Take a place, or refuse at once.

        Raises:
            UpstreamError: 8, resource exhausted.
        """
        refusal = self._taken_for(user, most)
        if refusal is not None:
            raise refusal

    def give_back(self, user: User) -> None:
        """Make a place free again."""
        with self._lock:
            self._taken[user] -= 1
            if not self._taken[user]:
                del self._taken[user]

    def _queue(self, refusal: UpstreamError) -> None:
        """Count one more who waits for a place, unless there are as many as there are places."""
        with self._lock:
            if self._queued >= self._limits.max_waiting_calls:
                raise refusal
            self._queued += 1

    def _taken_for(self, user: User, most: int) -> UpstreamError | None:
        """Take a place; else return the reason why there is none."""
        with self._lock:
            if user is not None and self._taken[user] >= most:
                return _refusal(f"{most} are granted")
            if self._taken.total() >= (all_ := self._limits.max_waiting_calls):
                return _refusal(f"this gateway takes {all_}")
            self._taken[user] += 1
            return None


def _refusal(limit: str) -> UpstreamError:
    text = f"too many calls that wait for a lock or an election: {limit}"
    return UpstreamError(Code.RESOURCE_EXHAUSTED, text, local=True)
