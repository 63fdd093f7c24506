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

STALE_TOKEN = frozenset(
    {
        "etcdserver: invalid auth token",
        "etcdserver: revision of auth store is old",
        # Maintenance does not translate its errors up to 3.5.
        "auth: invalid auth token",
        "auth: revision in header is old",
    }
)
"""Of calls with a token that is no longer good.

Source: etcd api/v3rpc/rpctypes/error.go and server/auth/store.go.
"""

TOKEN_NEEDED = frozenset({"etcdserver: user name is empty", "auth: user name is empty"})
"""Of calls without a token, where one is needed. Source: as of :data:`STALE_TOKEN`."""

AUTH_OFF = "etcdserver: authentication is not enabled"
"""Of a login, where auth is off. Source: as of :data:`STALE_TOKEN`."""

PERMISSION_DENIED = "etcdserver: permission denied"
"""Source: as of :data:`STALE_TOKEN`."""

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
