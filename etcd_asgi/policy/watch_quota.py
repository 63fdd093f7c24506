"""Counts the open watches of each user of the host."""

from __future__ import annotations

from threading import Lock
from typing import Any

from etcd_asgi.calls.watch.state import WatchState
from etcd_asgi.errors import Denied


class WatchQuotas:
    """The open watches of all users on one gateway."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}
        self._lock = Lock()  # a gateway may serve several event loops, each in its thread

    def take(self, user: str, most: int) -> None:
        """Count one more watch of *user*.

        Raises:
            Denied: there are *most* already.
        """
        with self._lock:
            count = self._open.get(user, 0)
            if count >= most:
                raise Denied(429, f"too many open watches: {most} are granted")
            self._open[user] = count + 1

    def give_back(self, user: str, count: int) -> None:
        """Count *count* watches fewer."""
        with self._lock:
            left = self._open.get(user, 0) - count
            if left > 0:
                self._open[user] = left
            else:
                self._open.pop(user, None)


class StreamQuota:
    """The part of a quota that one stream holds.

    Args:
        quotas: of the gateway.
        user: the quota's; without a name the quota is for this stream alone.
        most: watches that the user may have open.
        state: of the stream's watches. A message passes it after :meth:`take`, and before
            :meth:`settle`.
    """

    __slots__ = ("_held", "_most", "_quotas", "_state", "_user")

    def __init__(self, quotas: WatchQuotas, user: str, most: int, state: WatchState) -> None:
        self._quotas = quotas if user else WatchQuotas()
        self._user = user
        self._most = most
        self._state = state
        self._held = 0

    def take(self, message: Any) -> None:
        """Count the watch that a request asks for.

        Raises:
            Denied: it is one too many.
        """
        if message.WhichOneof("request_union") == "create_request":
            self._quotas.take(self._user, self._most)
            self._held += 1

    def settle(self) -> None:
        """Give back the places of watches that have ended."""
        self._give_back(self._held - self._state.held)

    def close(self) -> None:
        """Give back all places, as the stream has ended."""
        self._give_back(self._held)

    def _give_back(self, count: int) -> None:
        if count > 0:
            self._quotas.give_back(self._user, count)
            self._held -= count
