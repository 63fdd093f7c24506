"""What etcd says without a code of its own, and its gateway makes a 500 of.

Locks and elections are run by a client inside etcd, whose errors come out as text alone. To the
caller of a namespace a 500 would look like a hole found: here they have the codes that they mean.

Source: etcd client/v3/concurrency/election.go and server/etcdserver/api/v3election/election.go.
"""

from __future__ import annotations

from etcd_asgi.errors import UpstreamError
from etcd_asgi.status import Code

_MEANT = {
    "election: no leader": Code.NOT_FOUND,
    "election: not leader": Code.FAILED_PRECONDITION,
    '"leader" field must be provided': Code.INVALID_ARGUMENT,
    "etcdserver: requested lease not found": Code.NOT_FOUND,
}


def with_code(error: UpstreamError) -> UpstreamError:
    """*error*, with the code that it means."""
    if error.code != Code.UNKNOWN or error.message not in _MEANT:
        return error
    return UpstreamError(_MEANT[error.message], error.message, local=error.local)
