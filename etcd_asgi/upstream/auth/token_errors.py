"""How etcd says that a token is no longer good, or that one is needed.

It has looked at the token before anything else, so nothing was carried out. The one exception are
locks and campaigns, which may have been waiting: see :func:`is_refusal`.

Source: etcd api/v3rpc/rpctypes/error.go and server/auth/store.go for the words;
server/etcdserver/api/v3rpc/watch.go (recvLoop) for watches, which are refused in an answer.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from etcd_asgi.errors import UpstreamError
from etcd_asgi.etcd import proto
from etcd_asgi.status import Code

_STALE = frozenset(
    {
        "etcdserver: invalid auth token",
        "etcdserver: revision of auth store is old",
        # Maintenance does not translate its errors up to 3.5.
        "auth: invalid auth token",
        "auth: revision in header is old",
    }
)
_NEEDED = frozenset({"etcdserver: user name is empty", "auth: user name is empty"})
_AUTH_IS_OFF = "etcdserver: authentication is not enabled"
_DENIED = "etcdserver: permission denied"
_LONGEST_REFUSAL = 256
"""Bytes. An answer that refuses a watch is its header, a few numbers and the reason."""


def is_auth_off(error: UpstreamError) -> bool:
    """Tell whether *error*, of a login, says that auth is off, so that no token is needed."""
    return error.message == _AUTH_IS_OFF


def is_refusal(error: UpstreamError, token: str) -> bool:
    """Whether *error* says that the call may succeed with another token than *token*.

    The text decides, not the code: locks and elections are refused by a client inside etcd, whose
    errors arrive with code 2. Such a call may have waited for its turn when the token ran out. Made
    once more with a lease of the caller's it finds its place in the queue; without one it waits
    until etcd drops that place, which etcd made with a lease of 60 s.

    Args:
        error: what the call ended with.
        token: what it was made with; empty: without any.
    """
    return error.message in (_STALE if token else _NEEDED)


def is_outage(error: UpstreamError) -> bool:
    """Whether *error* says that etcd was not reached.

    Tokens are not to be used afterwards. A restarted etcd has forgotten the simple ones; and one
    that was restored from a backup lets a call with a token of its later life wait until it has
    carried out as much again.

    Source: etcd server/auth/simple_token.go, isValidSimpleToken.
    """
    return error.local and error.code == Code.UNAVAILABLE


def refused_watch(answer: bytes, token: str) -> bool | None:
    """Whether a Watch answer refuses a new watch for its token.

    Returns:
        ``None`` when it cannot be told: permission was denied, which is all that 3.4 and the
        first releases of 3.5 have to say about a bad token too.
    """
    if len(answer) > _LONGEST_REFUSAL or b"etcdserver: " not in answer:
        return False
    message = _watch_response().FromString(answer)
    if not (message.created and message.canceled):
        return False
    reason: str = message.cancel_reason
    if reason.endswith(_DENIED):
        return None
    return reason.endswith(tuple(_STALE if token else _NEEDED))


@cache
def _watch_response() -> Any:
    return proto.message_class(proto.message_type("etcdserverpb.WatchResponse"))
