"""Limits the calls that wait in etcd for a lock or an election."""

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
"""Key by which calls are counted; ``None``: they are not, and the gateway's limit alone holds."""


class Places:
    """The places of a gateway, each for one call at a time.

    Args:
        limits: the number of places, and the seconds for which calls wait for one.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._taken: Counter[User] = Counter()
        self._queued = 0
        self._lock = Lock()  # a gateway may serve several event loops, each in its thread

    def __len__(self) -> int:
        return self._taken.total()

    async def take(self, user: User, most: int) -> None:
        """Take one of the *most* places of *user*.

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
        """Count one more call that waits for a place; as many may wait as there are places."""
        with self._lock:
            if self._queued >= self._limits.max_waiting_calls:
                raise refusal
            self._queued += 1

    def _taken_for(self, user: User, most: int) -> UpstreamError | None:
        """Take a place, or return the error if none is free."""
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
