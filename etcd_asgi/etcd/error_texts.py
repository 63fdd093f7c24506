"""Error texts of etcd, and of Go's libraries in it, that the gateway reads or repeats."""

from __future__ import annotations

from etcd_asgi.status import Code

CANCELLED = "context canceled"
"""Of a call that its caller gave up. etcd's grpc-proxy gives it code 1 or 2, by its release.

Source: Go context, Canceled; grpc-go status/status.go, FromContextError.
"""

DEADLINE = "context deadline exceeded"
"""Of a call whose deadline has passed. Source: as of :data:`CANCELLED`."""

LEASE_NOT_FOUND = "etcdserver: requested lease not found"
KEY_NOT_PROVIDED = "etcdserver: key is not provided"
INVALID_SORT_OPTION = "etcdserver: invalid sort option"
"""Source: etcd server/etcdserver/api/v3rpc/key.go, checkRangeRequest."""

ETCD_PREFIX = "etcdserver:"
"""The beginning of most errors of etcd's own."""

CONCURRENCY_CODES = {
    "election: no leader": Code.NOT_FOUND,
    "election: not leader": Code.FAILED_PRECONDITION,
    '"leader" field must be provided': Code.INVALID_ARGUMENT,
    LEASE_NOT_FOUND: Code.NOT_FOUND,
    "etcdserver: request is too large": Code.INVALID_ARGUMENT,
    "etcdserver: mvcc: database space exceeded": Code.RESOURCE_EXHAUSTED,
    "etcdserver: too many requests": Code.RESOURCE_EXHAUSTED,
    "etcdserver: no leader": Code.UNAVAILABLE,
    "etcdserver: leader changed": Code.UNAVAILABLE,
    "etcdserver: server stopped": Code.UNAVAILABLE,
    "etcdserver: request timed out": Code.UNAVAILABLE,
}
"""Codes of errors of locks and elections, which etcd sends with code Unknown.

Source: etcd client/v3/concurrency/election.go, server/etcdserver/api/v3election/election.go and
api/v3rpc/rpctypes/error.go.
"""

WATCH_CANCEL_CODES = {
    "etcdserver: mvcc: required revision has been compacted": Code.OUT_OF_RANGE,
    "etcdserver: no leader": Code.UNAVAILABLE,
    "mvcc: duplicate watch ID provided on the WatchStream": Code.INVALID_ARGUMENT,
}
"""Codes of the reasons of a cancelled watch that come without one."""
