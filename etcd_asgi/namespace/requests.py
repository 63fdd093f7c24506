"""Scopes request messages: the caller's keys and leases become etcd's."""

from __future__ import annotations

from typing import Any

from etcd_asgi.errors import Denied, UpstreamError
from etcd_asgi.etcd.error_texts import KEY_NOT_PROVIDED, LEASE_NOT_FOUND
from etcd_asgi.namespace.keys import Keys
from etcd_asgi.namespace.leases import MAX_LEASE_ID, Leases
from etcd_asgi.status import Code

MAX_TXN_LEVELS = 40
"""Transactions in one another. The reply to 49 is the deepest that protobuf's parser takes, and a
reply that cannot be parsed cannot be kept in its namespace."""

_SMALLEST_KEY = b"\0"

# etcdserverpb.Compare: CompareTarget and CompareResult.
_LEASE = 4
_GREATER, _LESS = 1, 2


class Requests:
    """Methods for each kind of request, each of which changes its message in place."""

    __slots__ = ("_keys", "_leases")

    def __init__(self, keys: Keys, leases: Leases) -> None:
        self._keys = keys
        self._leases = leases

    def interval(self, message: Any) -> None:
        """Scope Range and DeleteRange."""
        self._keys.scope_interval(message)

    def put(self, message: Any) -> None:
        """Scope Put."""
        message.key = self._keys.scope(message.key)
        message.lease = self._leases.scope(message.lease)

    def txn(self, message: Any, level: int = 1) -> None:
        """Scope Txn: its comparisons and both branches, transactions in them included.

        Raises:
            Denied: it is nested too deeply, or orders leases.
        """
        if level > MAX_TXN_LEVELS:
            raise Denied(400, f"a transaction in a namespace has at most {MAX_TXN_LEVELS} levels")
        for compare in message.compare:
            self._compare(compare)
        for branch in (message.success, message.failure):
            for operation in branch:
                self._operation(operation, level)

    def watch(self, message: Any) -> None:
        """Scope Watch: a new watch; cancel and progress name only watches of their stream.

        Source: etcd server/etcdserver/api/v3rpc/watch.go, recvLoop: an empty key is the smallest.
        """
        if message.WhichOneof("request_union") != "create_request":
            return
        create = message.create_request
        if not create.key:
            create.key = _SMALLEST_KEY
        self._keys.scope_interval(create)

    def grant(self, message: Any) -> None:
        """Scope LeaseGrant.

        Raises:
            Denied: the ID is negative, or too large for a namespace.
        """
        if not 0 <= message.ID <= MAX_LEASE_ID:
            raise Denied(400, f"the ID of a lease in a namespace is at most {MAX_LEASE_ID}")
        message.ID = self._leases.scope(message.ID) if message.ID else self._leases.draw()

    def lease(self, message: Any) -> None:
        """Scope LeaseRevoke, LeaseKeepAlive and LeaseTimeToLive."""
        message.ID = self._leases.scope(message.ID)

    def leases(self, message: Any) -> None:
        """Leave LeaseLeases as it is: it names nothing."""

    def name(self, message: Any) -> None:
        """Scope Leader and Observe."""
        message.name = self._keys.scope_name(message.name)

    def contend(self, message: Any) -> None:
        """Scope Lock and Campaign, and the leader of Proclaim.

        A lease that cannot be of the namespace is refused here; etcd's error would have no code.

        Raises:
            UpstreamError: there is no such lease.
        """
        self.name(message)
        if message.lease and not 0 < message.lease <= MAX_LEASE_ID:
            raise UpstreamError(Code.NOT_FOUND, LEASE_NOT_FOUND, local=True)
        message.lease = self._leases.scope(message.lease)

    def unlock(self, message: Any) -> None:
        """Scope Unlock, which deletes its key, whatever that is.

        Raises:
            UpstreamError: there is no key; etcd's error would have no code.
        """
        if not message.key:
            raise UpstreamError(Code.INVALID_ARGUMENT, KEY_NOT_PROVIDED, local=True)
        message.key = self._keys.scope(message.key)

    def lead(self, message: Any) -> None:
        """Scope Proclaim, which writes its leader's key; without a leader etcd refuses it."""
        if message.HasField("leader"):
            leader = message.leader
            self.unlock(leader)
            self.contend(leader)

    def resign(self, message: Any) -> None:
        """Scope Resign, which deletes its leader's key and does not use the lease.

        Without a lease etcd would make one and leave it behind, so it gets the one nobody has.
        """
        if message.HasField("leader"):
            lease = message.leader.lease
            message.leader.lease = 0
            self.lead(message)
            message.leader.lease = self._leases.scope(lease) or self._leases.nobodys

    def _operation(self, operation: Any, level: int) -> None:
        match operation.WhichOneof("request"):
            case "request_range":
                self.interval(operation.request_range)
            case "request_put":
                self.put(operation.request_put)
            case "request_delete_range":
                self.interval(operation.request_delete_range)
            case "request_txn":
                self.txn(operation.request_txn, level + 1)

    def _compare(self, compare: Any) -> None:
        self._keys.scope_interval(compare)
        if compare.WhichOneof("target_union") != "lease" or compare.lease == 0:
            return
        if compare.target == _LEASE and compare.result in (_GREATER, _LESS):
            raise Denied(400, "leases in a namespace have no order: compare with EQUAL, NOT_EQUAL")
        compare.lease = self._leases.scope_compared(compare.lease)
