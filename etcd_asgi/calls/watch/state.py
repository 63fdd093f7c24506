"""State of the watches of one Watch call: the open ones, their position, and the last reply.

Each message passes here once: a request before it is sent to etcd, a reply when it has come. So the
state knows when no watch is open, how many places of a quota are used, the SSE event of each reply,
and where a lost watch is resumed.

The position is the revision up to which everything has been reported, and the id of an SSE event.
It is moved by

* the watch events of a reply, once the reply is whole: etcd puts whole revisions into one;
* the reply to ``created``: a watch without a start revision begins right after the header's;
* etcd's own progress notices: it sends them only for a watch that has got all up to the header's
  revision, and in order with the watch events;

but not by

* the header's revision of other replies: a watch that catches up gets a thousand revisions at a
  time, long before it is where the header is;
* the reply to a progress request: before etcd 3.5.8 it may run ahead of watch events.

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


class ReplyKind(Enum):
    """Kinds of replies. The value is the name of the SSE event."""

    CREATED = "created"
    CHANGE = "change"
    PROGRESS = "progress"
    COMPACTED = "compacted"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class SseEvent:
    """Name and id of the SSE event for one reply."""

    kind: ReplyKind
    id: bytes = b""
    """Empty: the id stays the one before."""


class WatchState:
    """State of all watches of one call."""

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
        "input_over",
        "sse_event",
    )

    def __init__(self) -> None:
        self.after: int | None = None
        """The revision up to which the client has got everything, if it gave one."""

        self.input_over = False
        """True when the client sends no further request."""

        self.sse_event: SseEvent | None = None
        """The last reply's; ``None`` for ``created`` of a resumed watch, which the client has."""

        self.error: UpstreamError | None = None
        """The reason why etcd has cancelled the only watch, once it has."""

        self._asked = 0
        """Watches that etcd has not created yet."""

        self._progress_asked = 0
        self._open: set[int] = set()
        self._creates = 0
        """All watches that were asked for so far."""

        self._request: Any = None
        """The request for the only watch."""

        self._begun = False
        self._partial = False
        """True when only a fragment of a revision's watch events has come."""

        self._position = -1
        """Negative: not known yet."""

        self._present = 0
        """The latest revision that etcd is known to have."""

    @property
    def held(self) -> int:
        """Count the watches that are asked for or open."""
        return self._asked + len(self._open)

    @property
    def is_awaited(self) -> bool:
        """Check that etcd has not created all watches that were asked for."""
        return self._asked > 0

    @property
    def is_over(self) -> bool:
        """Check that no reply can come any more but one to a progress request.

        etcd never ends a Watch call by itself, and its gateway keeps the response open for ever.
        """
        return self.input_over and self._asked <= 0 and not self._open

    @property
    def is_progress_asked(self) -> bool:
        """Check that a progress request has got no reply. Not every one gets one."""
        return self._progress_asked > 0

    @property
    def is_resumable(self) -> bool:
        """Check that a lost watch can be resumed with nothing lost and nothing twice."""
        return self.input_over and self._creates == 1 and self._position >= 0 and not self._partial

    def begin(self, message: Any) -> None:
        """Let the client's first watch begin one revision after :attr:`after`, in place."""
        if self.after is None or self._creates:
            return
        if message.WhichOneof("request_union") == "create_request":
            message.create_request.start_revision = self.after + 1

    def request(self, message: Any) -> None:
        """Take note of a request that is sent to etcd."""
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
            self.sse_event = self._canceled(message)
        elif message.created:
            self.sse_event = self._created(message)
        elif message.events:
            self.sse_event = self._changed(message)
        elif message.watch_id == _ALL_WATCHES:
            self.sse_event = SseEvent(ReplyKind.PROGRESS)
        else:
            self.sse_event = SseEvent(ReplyKind.PROGRESS, self._move(message.header.revision))

    def _count(self, message: Any) -> None:
        if message.created:
            self._asked -= 1
            if not message.canceled:
                self._open.add(message.watch_id)
        elif message.canceled:  # etcd may report twice that a watch has ended
            self._open.discard(message.watch_id)
        elif message.watch_id == _ALL_WATCHES:
            self._progress_asked -= 1

    def _created(self, message: Any) -> SseEvent | None:
        if self._begun and self._creates == 1:
            return None
        self._begun = True
        if self._position < 0:
            self._position = message.header.revision
        return SseEvent(ReplyKind.CREATED, self._id())

    def _changed(self, message: Any) -> SseEvent:
        self._partial = message.fragment
        last = message.events[-1].kv.mod_revision  # etcd sends them in order
        return SseEvent(ReplyKind.CHANGE, b"" if self._partial else self._move(last))

    def _canceled(self, message: Any) -> SseEvent:
        if message.compact_revision:
            return SseEvent(ReplyKind.COMPACTED, self._move(self._present))
        if self._creates == 1 and message.cancel_reason:
            self.error = error_of(message.cancel_reason)
        return SseEvent(ReplyKind.CANCELED)

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
    """Check that etcd would reply to *message* as the first of a call.

    It ignores an empty request, and the cancelling of a watch that does not exist.

    Source: etcd server/etcdserver/api/v3rpc/watch.go, recvLoop.
    """
    return message.WhichOneof("request_union") not in (None, "cancel_request")


def is_empty(message: Any) -> bool:
    """Check that a request asks for nothing: etcd ignores it, its grpc-proxy does not survive."""
    return message.WhichOneof("request_union") is None
