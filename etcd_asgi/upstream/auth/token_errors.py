"""Errors that say that a token is no longer good, or that one is needed.

etcd has looked at the token before anything else, so nothing was carried out. The one exception are
locks and campaigns, which may have been waiting: see :func:`is_refusal`.

Source: etcd server/etcdserver/api/v3rpc/watch.go (recvLoop) for watches, which are refused in a
reply; the texts are in :mod:`etcd_asgi.etcd.error_texts`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from etcd_asgi.errors import UpstreamError
from etcd_asgi.etcd import proto
from etcd_asgi.etcd.error_texts import AUTH_OFF, PERMISSION_DENIED, STALE_TOKEN, TOKEN_NEEDED
from etcd_asgi.status import Code

_LONGEST_REFUSAL = 256
"""Bytes. A reply that refuses a watch is its header, a few numbers and the reason."""


def is_auth_off(error: UpstreamError) -> bool:
    """Check whether *error*, of a login, says that auth is off, so that no token is needed."""
    return error.message == AUTH_OFF


def is_refusal(error: UpstreamError, token: str) -> bool:
    """Check whether *error* says that the call may succeed with another token than *token*.

    The text decides, not the code: locks and elections are refused by a client inside etcd, whose
    errors arrive with code 2. Such a call may have waited for its turn when the token ran out. Made
    once more with a lease of the caller's it finds its place in the queue; without one it waits
    until etcd drops that place, which etcd made with a lease of 60 s.

    Args:
        error: what the call ended with.
        token: what it was made with; empty: without any.
    """
    return error.message in (STALE_TOKEN if token else TOKEN_NEEDED)


def is_outage(error: UpstreamError) -> bool:
    """Check whether *error* says that etcd was not reached.

    Tokens are not to be used afterwards. A restarted etcd has forgotten the simple ones; and one
    that was restored from a backup lets a call with a token of its later life wait until it has
    carried out as much again.

    Source: etcd server/auth/simple_token.go, isValidSimpleToken.
    """
    return error.local and error.code == Code.UNAVAILABLE


def refused_watch(reply: bytes, token: str) -> bool | None:
    """Check whether a Watch reply refuses a new watch for its token.

    Returns:
        ``None`` when that is not certain: permission was denied, which is all that 3.4 and the
        first releases of 3.5 have to say about a bad token too.
    """
    if len(reply) > _LONGEST_REFUSAL or b"etcdserver: " not in reply:
        return False
    message = _watch_response().FromString(reply)
    if not (message.created and message.canceled):
        return False
    reason: str = message.cancel_reason
    if reason.endswith(PERMISSION_DENIED):
        return None
    return reason.endswith(tuple(STALE_TOKEN if token else TOKEN_NEEDED))


@cache
def _watch_response() -> Any:
    return proto.message_class(proto.message_type("etcdserverpb.WatchResponse"))
