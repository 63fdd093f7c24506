"""What etcd says without a code of its own, and its gateway makes a 500 of.

Locks and elections are run by a client inside etcd, whose errors come out as text alone. To the
caller of a namespace a 500 would look like a hole found: here they have the codes that they mean.

Source: etcd client/v3/concurrency/election.go, server/etcdserver/api/v3election/election.go and
api/v3rpc/rpctypes/error.go.
"""

from __future__ import annotations

from etcd_asgi.errors import UpstreamError
from etcd_asgi.status import Code

_MEANT = {
    "election: no leader": Code.NOT_FOUND,
    "election: not leader": Code.FAILED_PRECONDITION,
    '"leader" field must be provided': Code.INVALID_ARGUMENT,
    "etcdserver: requested lease not found": Code.NOT_FOUND,
    "etcdserver: request is too large": Code.INVALID_ARGUMENT,
    "etcdserver: mvcc: database space exceeded": Code.RESOURCE_EXHAUSTED,
    "etcdserver: too many requests": Code.RESOURCE_EXHAUSTED,
    "etcdserver: no leader": Code.UNAVAILABLE,
    "etcdserver: leader changed": Code.UNAVAILABLE,
    "etcdserver: server stopped": Code.UNAVAILABLE,
    "etcdserver: request timed out": Code.UNAVAILABLE,
}


def with_code(error: UpstreamError) -> UpstreamError:
    """*error*, with the code that it means."""
    if error.code != Code.UNKNOWN or error.message not in _MEANT:
        return error
    return UpstreamError(_MEANT[error.message], error.message, local=error.local)
