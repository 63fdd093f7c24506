"""Leases that etcd makes by itself: for a lock or a leader that is asked for without one.

etcd leaves such a lease behind when the call fails or its client disconnects, and gives it any ID,
so that a caller in a namespace could neither keep it alive nor use it again. So the gateway makes
the lease, as etcd would, in a namespace with an ID of it.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from etcd_asgi.errors import UpstreamError
from etcd_asgi.etcd import proto
from etcd_asgi.etcd.error_texts import ETCD_PREFIX
from etcd_asgi.status import Code

SESSION_TTL = 60
"""Seconds. Source: etcd client/v3/concurrency/session.go, defaultSessionTTL."""


LEASED = frozenset({"Lock.Lock", "Election.Campaign", "Election.Proclaim"})
"""RPCs whose requests may want a lease: see :func:`unleased`."""


def unleased(rpc: str, message: Any) -> Any | None:
    """Return the part of a request that wants a lease and has none.

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
    """Make a request for the lease of a session."""
    request = proto.message_class(proto.message_type("etcdserverpb.LeaseGrantRequest"))
    return request(TTL=SESSION_TTL)


def as_of_lock(error: UpstreamError) -> UpstreamError:
    """Turn a refusal of LeaseGrant into that of a Lock or Campaign whose lease etcd refuses.

    Source: etcd client/v3/client.go, toErr: the client within etcd makes an error of it that has
    the text, and no status for gRPC.
    """
    if error.local or not error.message.startswith(ETCD_PREFIX):
        return error
    return UpstreamError(Code.UNKNOWN, error.message)
