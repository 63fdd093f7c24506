"""The watches of one Watch call: which are open, how far they have come, how each reply counts.

Each message passes here once: a request on its way to etcd, a reply when it has come. From that is
known when no watch is left, which place of a quota is free again, what a reply is as an event, and
where a lost watch is resumed.

A position is the revision up to which everything has been reported. It is the id of an event. What
moves it on, and what does not:

* the events of a reply, once the reply is whole: etcd puts whole revisions into one;
* the reply to ``created``: a watch without a start revision begins right after the header's;
* etcd's own progress notices: it sends them only for a watch that has got all up to the header's
  revision, and in order with the events;
* not the header's revision of other replies: a watch that catches up gets a thousand revisions at a
  time, long before it is where the header is;
* not the reply to a progress request: before etcd 3.5.8 it may run ahead of events.

Source: etcd server/etcdserver/api/v3rpc/watch.go (recvLoop, sendLoop, sendFragments),
server/storage/mvcc/watchable_store.go (progress, syncWatchers) and watcher_group.go
(watchBatchMaxRevs).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from etcd_asgi.calls.watch.cancel_reason import error_of
from etcd_asgi.errors import UpstreamError

_ALL_WATCHES = -1
"""The ``watch_id`` of the reply to a progress request.

Source: etcd client/v3/watch.go, InvalidWatchID.
"""


class Kind(Enum):
    """The kind of one reply. Its value is the name of the event."""

    CREATED = "created"
    CHANGE = "change"
    PROGRESS = "progress"
    COMPACTED = "compacted"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One reply as an event."""

    kind: Kind
    id: bytes = b""
    """Empty: the id stays the one before."""


class WatchState:
    """All watches of one call."""

    __slots__ = (
        "_asked",
        "_begun",
        "_creates",
        "_open",
        "_partial",
        "_position",
        "_present",
        "_progress_asked",
        "_request",
        "after",
        "error",
        "event",
        "input_over",
    )

    def __init__(self) -> None:
        self.after: int | None = None
        """The revision up to which the client has got everything, if it gave one."""

        self.input_over = False
        """Whether the client sends no further request."""

        self.event: WatchEvent | None = None
        """The last reply; ``None`` for one that is not for the client, as it has begun before."""

        self.error: UpstreamError | None = None
        """The reason why etcd has cancelled the only watch, once it has."""

        self._asked = 0
        """Watches that etcd has not created yet."""

        self._progress_asked = 0
        self._open: set[int] = set()
        self._creates = 0
        """Watches that were ever asked for."""

        self._request: Any = None
        """The request for the only watch."""

        self._begun = False
        self._partial = False
        """Whether only a fragment of a revision's events has come."""

        self._position = -1
        """Negative: nobody knows it yet."""

        self._present = 0
        """The latest revision that etcd is known to have."""

    @property
    def held(self) -> int:
        """Count the watches that are asked for or open."""
        return self._asked + len(self._open)

    @property
    def is_awaited(self) -> bool:
        """Tell whether etcd has not created all watches that were asked for."""
        return self._asked > 0

    @property
    def is_over(self) -> bool:
        """Tell whether no reply can come any more but one to a progress request.

        etcd never ends a Watch call by itself, and its gateway leaves the response open for ever
        even then.
        """
        return self.input_over and self._asked <= 0 and not self._open

    @property
    def is_progress_asked(self) -> bool:
        """Tell whether a progress request has got no reply. Not every one gets one."""
        return self._progress_asked > 0

    @property
    def is_resumable(self) -> bool:
        """Tell whether a lost watch can be resumed with nothing lost and nothing twice."""
        return self.input_over and self._creates == 1 and self._position >= 0 and not self._partial

    def begin(self, message: Any) -> None:
        """Let the client's first watch begin after what it has got already, in place."""
        if self.after is None or self._creates:
            return
        if message.WhichOneof("request_union") == "create_request":
            message.create_request.start_revision = self.after + 1

    def request(self, message: Any) -> None:
        """Take note of a request on its way to etcd."""
        match message.WhichOneof("request_union"):
            case "create_request":
                self._asked += 1
                self._creates += 1
                if self._creates == 1:
                    self._request = message
                    self._position = message.create_request.start_revision - 1
                else:
                    self._request = None
            case "progress_request":
                self._progress_asked += 1

    def resumed(self) -> Any:
        """Take note that the only watch is lost; return the request that resumes it."""
        self._asked, self._progress_asked, self.error = 1, 0, None
        self._open.clear()
        self._request.create_request.start_revision = self._position + 1
        return self._request

    def reply(self, message: Any) -> None:
        """Take note of a reply of etcd's."""
        self._count(message)
        self._present = max(self._present, message.header.revision, message.compact_revision)
        if message.canceled:
            self.event = self._canceled(message)
        elif message.created:
            self.event = self._created(message)
        elif message.events:
            self.event = self._changed(message)
        elif message.watch_id == _ALL_WATCHES:
            self.event = WatchEvent(Kind.PROGRESS)
        else:
            self.event = WatchEvent(Kind.PROGRESS, self._move(message.header.revision))

    def _count(self, message: Any) -> None:
        if message.created:
            self._asked -= 1
            if not message.canceled:
                self._open.add(message.watch_id)
        elif message.canceled:  # etcd may report twice that a watch has ended
            self._open.discard(message.watch_id)
        elif message.watch_id == _ALL_WATCHES:
            self._progress_asked -= 1

    def _created(self, message: Any) -> WatchEvent | None:
        if self._begun and self._creates == 1:
            return None
        self._begun = True
        if self._position < 0:
            self._position = message.header.revision
        return WatchEvent(Kind.CREATED, self._id())

    def _changed(self, message: Any) -> WatchEvent:
        self._partial = message.fragment
        last = message.events[-1].kv.mod_revision  # etcd sends them in order
        return WatchEvent(Kind.CHANGE, b"" if self._partial else self._move(last))

    def _canceled(self, message: Any) -> WatchEvent:
        if message.compact_revision:
            return WatchEvent(Kind.COMPACTED, self._move(self._present))
        if self._creates == 1 and message.cancel_reason:
            self.error = error_of(message.cancel_reason)
        return WatchEvent(Kind.CANCELED)

    @property
    def present(self) -> int:
        """Return the latest revision that etcd is known to have."""
        return self._present

    def _move(self, revision: int) -> bytes:
        self._position = max(self._position, revision)
        return self._id()

    def _id(self) -> bytes:
        return b"%d" % self._position if self._creates == 1 else b""


def gets_a_reply(message: Any) -> bool:
    """Tell whether etcd would reply to *message* as the first of a call.

    It ignores an empty request, and the cancelling of a watch that does not exist.

    Source: etcd server/etcdserver/api/v3rpc/watch.go, recvLoop.
    """
    return message.WhichOneof("request_union") not in (None, "cancel_request")


def is_empty(message: Any) -> bool:
    """Tell whether a request asks for nothing: etcd ignores it, its grpc-proxy does not survive."""
    return message.WhichOneof("request_union") is None
