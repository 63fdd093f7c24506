"""The watches of one Watch call, counted as requests and answers pass."""

from __future__ import annotations

from typing import Any

_ALL_WATCHES = -1
"""The ``watch_id`` of the answer to a progress request.

Source: etcd client/v3/watch.go, InvalidWatchID.
"""


class Watches:
    """Knows when no watch is left.

    etcd never ends a Watch call by itself, and its gateway leaves the response open for ever even
    when nothing can come any more.
    """

    __slots__ = ("_asked", "_open", "_progress_asked")

    def __init__(self) -> None:
        self._asked = 0
        self._progress_asked = 0
        self._open: set[int] = set()

    def request(self, message: Any) -> None:
        """A request on its way to etcd."""
        which = _which(message)
        if which == "create_request":
            self._asked += 1
        elif which == "progress_request":
            self._progress_asked += 1

    def answer(self, message: Any) -> None:
        """An answer on its way to the client."""
        if message.created:
            self._asked -= 1
            if not message.canceled:
                self._open.add(message.watch_id)
        elif message.canceled:
            self._open.discard(message.watch_id)
        elif message.watch_id == _ALL_WATCHES:
            self._progress_asked -= 1

    @property
    def none_left(self) -> bool:
        """Whether all watches that were asked for have come and gone."""
        return self._asked <= 0 and not self._open

    @property
    def awaited(self) -> bool:
        """Whether a watch that was asked for has not come yet."""
        return self._asked > 0

    @property
    def progress_asked(self) -> bool:
        """Whether a progress request has not been answered. Not every one is."""
        return self._progress_asked > 0


def asks_for_something(message: Any) -> bool:
    """Whether etcd would answer *message* as the first of a call.

    It ignores an empty request, and the cancelling of a watch that does not exist.

    Source: etcd server/etcdserver/api/v3rpc/watch.go, recvLoop.
    """
    return _which(message) not in (None, "cancel_request")


def is_empty(message: Any) -> bool:
    """Whether a request asks for nothing. etcd ignores it; its grpc-proxy does not survive it."""
    return _which(message) is None


def _which(message: Any) -> str | None:
    which: str | None = message.WhichOneof("request_union")
    return which
