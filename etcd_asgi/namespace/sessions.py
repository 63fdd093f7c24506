"""Leases that etcd makes by itself: for a lock or a leader that is asked for without one.

etcd gives such a lease any ID, and a caller in a namespace could then neither keep it alive nor use
it again. So the gateway makes the lease, as etcd would, but with an ID of the namespace.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from etcd_asgi import proto

LEASE_GRANT = "/etcdserverpb.Lease/LeaseGrant"
"""The full gRPC name."""

SESSION_TTL = 60
"""Seconds. Source: etcd client/v3/concurrency/session.go, defaultSessionTTL."""


def unleased(rpc: str, message: Any) -> Any | None:
    """The part of a request that wants a lease and has none.

    A leader that resigns writes nothing that a lease would be on.

    Source: etcd server/etcdserver/api/v3lock/lock.go and v3election/election.go.
    """
    match rpc:
        case "Lock.Lock" | "Election.Campaign":
            holder = message
        case "Election.Proclaim" if message.HasField("leader"):
            holder = message.leader
        case _:
            return None
    return None if holder.lease else holder


def new_lease() -> Message:
    """A request for the lease of a session."""
    message: Message = _lease_message("Request")(TTL=SESSION_TTL)
    return message


def granted(answer: bytes) -> int:
    """The ID in a serialized answer of LeaseGrant, as etcd has it."""
    lease: Any = _lease_message("Response").FromString(answer)
    return int(lease.ID)


def _lease_message(kind: str) -> Any:
    return proto.message_class(proto.message_type(f"etcdserverpb.LeaseGrant{kind}"))
