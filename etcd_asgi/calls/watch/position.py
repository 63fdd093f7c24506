"""How far a watch has come: the ids of its events, and where to take it up again.

An id is the revision up to which all has been told. What moves it on, and what does not:

* the events of an answer, once the answer is whole: etcd puts whole revisions into one;
* the answer to ``created``: a watch without a start revision begins right after the header's;
* etcd's own progress notices: it sends them only for a watch that has been told all up to the
  header's revision, and in order with the events;
* not the header's revision of other answers: a watch that catches up is told a thousand revisions
  at a time, long before it is where the header is;
* not the answer to a progress request: before etcd 3.5.8 it may run ahead of events.

Source: etcd server/etcdserver/api/v3rpc/watch.go (recvLoop, sendLoop, sendFragments),
server/storage/mvcc/watchable_store.go (progress, syncWatchers) and watcher_group.go
(watchBatchMaxRevs).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from etcd_asgi.errors import UpstreamError
from etcd_asgi.status import Code

_ALL_WATCHES = -1
"""The ``watch_id`` of the answer to a progress request."""

_REASON = re.compile(r"rpc error: code = (\w+) desc = (.*)", re.DOTALL).fullmatch
_CODES = {"".join(part.capitalize() for part in code.name.split("_")): code for code in Code}
_CODES["Canceled"] = Code.CANCELLED
_TEXTS = {
    "etcdserver: mvcc: required revision has been compacted": Code.OUT_OF_RANGE,
    "etcdserver: no leader": Code.UNAVAILABLE,
    "mvcc: duplicate watch ID provided on the WatchStream": Code.INVALID_ARGUMENT,
}
"""Reasons for cancelling a watch that come without a code."""


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer of etcd's is as an event."""

    name: bytes
    id: bytes = b""
    """Empty: the id stays what it was."""


class WatchTrack:
    """Follows the requests and answers of one Watch call.

    Args:
        after: the revision up to which the client has been told all, if it said one.
    """

    __slots__ = ("_after", "_begun", "_creates", "_partial", "_position", "_present", "_request")

    def __init__(self, after: int | None = None) -> None:
        self._after = after
        self._request: Any = None
        self._creates = 0
        self._begun = False
        self._partial = False
        self._position = -1
        """The revision up to which all has been told; negative: nobody knows yet."""

        self._present = 0
        """The latest revision that etcd is known to have."""

    @property
    def resumable(self) -> bool:
        """Whether a lost watch can be taken up again with nothing lost and nothing twice."""
        return self._creates == 1 and self._position >= 0 and not self._partial

    def asks(self, message: Any) -> None:
        """A request of the client's: a first watch begins where the client has come to."""
        if self._after is None or message.WhichOneof("request_union") != "create_request":
            return
        if not self._creates:
            message.create_request.start_revision = self._after + 1

    def request(self, message: Any) -> None:
        """A request on its way to etcd."""
        if message.WhichOneof("request_union") != "create_request":
            return
        self._creates += 1
        if self._creates == 1:
            self._request = message
            self._position = message.create_request.start_revision - 1
        else:
            self._request = None

    def again(self) -> Any:
        """The request that takes up a lost watch."""
        self._request.create_request.start_revision = self._position + 1
        return self._request

    def answer(self, message: Any) -> Told | None:
        """An answer on its way to the client; ``None`` if it is not for it.

        Raises:
            UpstreamError: etcd has cancelled the only watch.
        """
        self._present = max(self._present, message.header.revision, message.compact_revision)
        if message.canceled:
            return self._canceled(message)
        if message.created:
            return self._created(message)
        if message.events:
            return self._changed(message)
        if message.watch_id == _ALL_WATCHES:
            return Told(b"progress")
        return Told(b"progress", self._move(message.header.revision))

    def _created(self, message: Any) -> Told | None:
        if self._begun and self._creates == 1:
            return None
        self._begun = True
        if self._position < 0:
            self._position = message.header.revision
        return Told(b"created", self._id())

    def _changed(self, message: Any) -> Told:
        self._partial = message.fragment
        last = message.events[-1].kv.mod_revision  # etcd sends them in order
        if self._partial:
            return Told(b"change")
        return Told(b"change", self._move(last))

    def _canceled(self, message: Any) -> Told:
        if message.compact_revision:
            message.header.revision = self._present
            return Told(b"compacted", self._move(self._present))
        if self._creates == 1 and message.cancel_reason:
            raise _cancelled(message.cancel_reason)
        return Told(b"canceled")

    def _move(self, revision: int) -> bytes:
        self._position = max(self._position, revision)
        return self._id()

    def _id(self) -> bytes:
        return b"%d" % self._position if self._creates == 1 else b""


def _cancelled(reason: str) -> UpstreamError:
    if found := _REASON(reason):
        return UpstreamError(_CODES.get(found[1], Code.UNKNOWN), found[2])
    return UpstreamError(_TEXTS.get(reason, Code.UNKNOWN), reason)
