"""How many watches each user of the host has open."""

from __future__ import annotations

from threading import Lock

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
        """Count *count* watches less."""
        with self._lock:
            left = self._open.get(user, 0) - count
            if left > 0:
                self._open[user] = left
            else:
                self._open.pop(user, None)


class StreamQuota:
    """The part of a quota that one stream holds."""

    __slots__ = ("_held", "_most", "_open", "_quotas", "_user")

    def __init__(self, quotas: WatchQuotas, user: str, most: int) -> None:
        self._quotas = quotas if user else WatchQuotas()
        self._user = user
        self._most = most
        self._held = 0
        self._open: set[int] = set()
        """Watches that have begun, by their ids: etcd may tell twice that one has ended."""

    def request(self, message: object) -> None:
        """A request on its way to etcd.

        Raises:
            Denied: it asks for one watch too many.
        """
        if message.WhichOneof("request_union") == "create_request":  # type: ignore[attr-defined]
            self._quotas.take(self._user, self._most)
            self._held += 1

    def answer(self, message: object) -> None:
        """An answer on its way to the client: a watch that has ended makes room for another."""
        watch_id: int = message.watch_id  # type: ignore[attr-defined]
        is_created = message.created  # type: ignore[attr-defined]
        is_canceled = message.canceled  # type: ignore[attr-defined]
        if is_created and not is_canceled:
            self._open.add(watch_id)
        elif is_canceled and (is_created or watch_id in self._open):
            self._open.discard(watch_id)
            self._held -= 1
            self._quotas.give_back(self._user, 1)

    def close(self) -> None:
        """The stream has ended, and all its watches with it."""
        self._quotas.give_back(self._user, self._held)
        self._held = 0
