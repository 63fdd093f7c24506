"""Unscopes replies: etcd's keys and leases become the caller's.

No request reaches outside the namespace, so no reply should hold a key of others; one that does is
dropped from it, never cut to fit.
"""

from __future__ import annotations

from typing import Any

from etcd_asgi.namespace.keys import Keys
from etcd_asgi.namespace.leases import Leases


class Responses:
    """Methods for each kind of reply, each of which changes its message in place."""

    __slots__ = ("_keys", "_leases")

    def __init__(self, keys: Keys, leases: Leases) -> None:
        self._keys = keys
        self._leases = leases

    def nothing(self, message: Any) -> None:
        """Leave a reply that is a header alone as it is."""

    def range(self, message: Any) -> None:
        """Unscope Range."""
        if dropped := self._pairs(message.kvs):
            message.count = max(0, message.count - dropped)

    def put(self, message: Any) -> None:
        """Unscope Put."""
        self._optional_pair(message, "prev_kv")

    def delete_range(self, message: Any) -> None:
        """Unscope DeleteRange."""
        if dropped := self._pairs(message.prev_kvs):
            message.deleted = max(0, message.deleted - dropped)

    def txn(self, message: Any) -> None:
        """Unscope Txn, and transactions in it."""
        for response in message.responses:
            match response.WhichOneof("response"):
                case "response_range":
                    self.range(response.response_range)
                case "response_put":
                    self.put(response.response_put)
                case "response_delete_range":
                    self.delete_range(response.response_delete_range)
                case "response_txn":
                    self.txn(response.response_txn)

    def watch(self, message: Any) -> None:
        """Unscope Watch: its watch events, each with the pair before it."""
        events = message.events
        outside = [at for at, event in enumerate(events) if not self._pair(event.kv)]
        for at in reversed(outside):
            del events[at]
        for event in events:
            self._optional_pair(event, "prev_kv")

    def lease(self, message: Any) -> None:
        """Unscope LeaseGrant and LeaseKeepAlive."""
        message.ID = self._leases.unscope(message.ID)

    def time_to_live(self, message: Any) -> None:
        """Unscope LeaseTimeToLive, with the keys that the lease is attached to."""
        self.lease(message)
        message.keys[:] = [self._keys.unscope(key) for key in message.keys if self._keys.holds(key)]

    def leases(self, message: Any) -> None:
        """Unscope LeaseLeases: those of the namespace."""
        ids = [one.ID for one in message.leases if self._leases.holds(one.ID)]
        del message.leases[:]
        for lease in ids:
            message.leases.add(ID=self._leases.unscope(lease))

    def lock(self, message: Any) -> None:
        """Unscope Lock."""
        message.key = self._keys.unscope(message.key)

    def campaign(self, message: Any) -> None:
        """Unscope Campaign."""
        if message.HasField("leader"):
            leader = message.leader
            leader.name = self._keys.unscope_name(leader.name)
            leader.key = self._keys.unscope(leader.key)
            leader.lease = self._leases.unscope(leader.lease)

    def leader(self, message: Any) -> None:
        """Unscope Leader and Observe."""
        self._optional_pair(message, "kv")

    def _pairs(self, pairs: Any) -> int:
        """Change all *pairs*; return the number of those that were dropped."""
        outside = [at for at, pair in enumerate(pairs) if not self._pair(pair)]
        for at in reversed(outside):
            del pairs[at]
        return len(outside)

    def _optional_pair(self, message: Any, field: str) -> None:
        if message.HasField(field) and not self._pair(getattr(message, field)):
            message.ClearField(field)

    def _pair(self, pair: Any) -> bool:
        """Change one key-value pair; return false for one from outside."""
        key = self._keys.unscope(pair.key)
        if not key:
            return False
        pair.key = key
        if pair.lease:
            pair.lease = self._leases.unscope(pair.lease)
        return True
