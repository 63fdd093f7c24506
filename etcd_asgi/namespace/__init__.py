"""A namespace: the keys under one prefix, for a caller that does not see the prefix.

:meth:`Namespace.scope` changes requests, :meth:`Namespace.unscope` undoes it in replies. Keys move
under the prefix, names of locks and elections with them, and leases get IDs of the namespace. The
caller still learns some things about the rest of etcd: the revision in each header, which counts
everybody's writes, and the IDs of cluster and member.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from etcd_asgi.errors import Denied
from etcd_asgi.namespace.keys import Keys
from etcd_asgi.namespace.leases import MAX_LEASE_ID, Leases
from etcd_asgi.namespace.requests import MAX_TXN_LEVELS, Requests
from etcd_asgi.namespace.responses import Responses
from etcd_asgi.namespace.session_leases import new_lease, unleased

__all__ = ["MAX_LEASE_ID", "MAX_TXN_LEVELS", "SCOPED", "Namespace"]

_Change = Callable[[Any, Any], None]

_RPCS: dict[str, tuple[_Change, _Change]] = {
    "KV.Range": (Requests.interval, Responses.range),
    "KV.Put": (Requests.put, Responses.put),
    "KV.DeleteRange": (Requests.interval, Responses.delete_range),
    "KV.Txn": (Requests.txn, Responses.txn),
    "Watch.Watch": (Requests.watch, Responses.watch),
    "Lease.LeaseGrant": (Requests.grant, Responses.lease),
    "Lease.LeaseRevoke": (Requests.lease, Responses.nothing),
    "Lease.LeaseKeepAlive": (Requests.lease, Responses.lease),
    "Lease.LeaseTimeToLive": (Requests.lease, Responses.time_to_live),
    "Lease.LeaseLeases": (Requests.leases, Responses.leases),
    "Lock.Lock": (Requests.contend, Responses.lock),
    "Lock.Unlock": (Requests.unlock, Responses.nothing),
    "Election.Campaign": (Requests.contend, Responses.campaign),
    "Election.Proclaim": (Requests.lead, Responses.nothing),
    "Election.Leader": (Requests.name, Responses.leader),
    "Election.Observe": (Requests.name, Responses.leader),
    "Election.Resign": (Requests.resign, Responses.nothing),
}

SCOPED = frozenset(_RPCS)
"""RPCs that can be kept in a namespace. All others act on the whole of etcd."""


class Namespace:
    """The namespace of one caller, under *prefix*.

    Args:
        prefix: of all the caller's keys in etcd, such as ``b"/teams/red/"``. End it with a
            separator: ``b"/teams/red"`` holds the keys of ``/teams/redwood/`` too.
        lease_secret: marks leases as of a namespace; the same in all gateways to one etcd. Needed
            where callers can choose the prefix, as one who knows the secret could choose a prefix
            for the sake of a certain lease.

    Raises:
        ValueError: the prefix is empty, or one of the two is not bytes.
    """

    __slots__ = ("_requests", "_responses")

    def __init__(self, prefix: bytes, lease_secret: bytes = b"") -> None:
        if not _is_bytes(prefix) or not prefix:
            raise ValueError("a namespace is bytes, and at least one: such as b'/teams/red/'")
        if not _is_bytes(lease_secret):
            raise ValueError("lease_secret= takes bytes, such as secrets.token_bytes(32)")
        keys, leases = Keys(prefix), Leases(prefix, lease_secret)
        self._requests = Requests(keys, leases)
        self._responses = Responses(keys, leases)

    def scope(self, rpc: str, message: Message) -> None:
        """Change a request in place: the caller's keys and leases become etcd's.

        A request that etcd would refuse still gets refused: an empty key stays empty, and a lease
        of others becomes one that nobody has.

        Args:
            rpc: its name, such as ``KV.Range``.
            message: the request, or one of a stream's requests.

        Raises:
            Denied: the RPC cannot be kept in a namespace, or this request cannot.
            UpstreamError: etcd would refuse it. In both cases the message may be half changed, and
                must not be sent.
        """
        _changes(rpc)[0](self._requests, message)

    def unscope(self, rpc: str, message: Message) -> None:
        """Change a reply in place: etcd's keys and leases become the caller's.

        Raises:
            Denied: the RPC cannot be kept in a namespace.
        """
        _changes(rpc)[1](self._responses, message)

    def session(self, rpc: str, message: Message) -> tuple[Any, Any] | None:
        """Find the lease that a scoped request needs before it is sent.

        Returns:
            The part of *message* whose ``lease`` is to be the ID in the reply, and the scoped
            request of ``Lease.LeaseGrant`` to send first; ``None`` if no lease is wanted.
        """
        holder = unleased(rpc, message)
        if holder is None:
            return None
        lease = new_lease()
        self.scope("Lease.LeaseGrant", lease)
        return holder, lease


def _changes(rpc: str) -> tuple[_Change, _Change]:
    try:
        return _RPCS[rpc]
    except KeyError:
        raise Denied(403, f"{rpc} acts on all of etcd: not granted in a namespace") from None


def _is_bytes(value: object) -> bool:
    return isinstance(value, bytes)
