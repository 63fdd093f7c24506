"""The tokens of etcd users: fetched when first needed, kept until etcd refuses them."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from copy import copy
from functools import partial

from etcd_asgi.deadline import NEVER, Deadline, exceeded
from etcd_asgi.errors import UpstreamError
from etcd_asgi.metadata import Metadata, without_login
from etcd_asgi.per_loop import PerLoop
from etcd_asgi.settings import Limits
from etcd_asgi.status import Code
from etcd_asgi.upstream.auth.login import NO_LOGIN, Login, Logins
from etcd_asgi.upstream.auth.password import Password
from etcd_asgi.upstream.auth.token_errors import is_refusal
from etcd_asgi.upstream.transport import Upstream

_RANGE = "/etcdserverpb.KV/Range"
_PROBE = b"\n\x01\x00\x38\x01\x48\x01"
"""``RangeRequest(key=b"\\0", serializable=True, count_only=True)``: asks for no data at all."""


class Tokens:
    """Tokens of many etcd users, shared by all calls of a gateway.

    Calls with the same credentials share one login, on each event loop; a caller that is
    cancelled does not end it for the others. The call that finds a token no longer good drops it,
    and the next one logs in again.

    Args:
        upstream: where to log in.
        limits: ``max_etcd_users``, ``max_logins``, ``login_timeout``, ``login_retry_time`` and
            ``auth_off_time`` are ours.
    """

    def __init__(self, upstream: Upstream, limits: Limits) -> None:
        self._upstream = upstream
        self.limits = limits
        self._known: OrderedDict[Password, Login] = OrderedDict()
        self._logins = PerLoop(partial(Logins, upstream, limits, self._remember))

    def known(self, credentials: Password) -> str | None:
        """Return the token, if that needs no login; empty: etcd's auth is off."""
        known = self._look_up(credentials)
        return None if known is None or known.refused else known.token

    async def sign(self, credentials: Password, deadline: Deadline = NEVER) -> str:
        """Return the token to send with a call; empty: none, as etcd's auth is off.

        Args:
            credentials: of the user who makes the call.
            deadline: of the call.

        Raises:
            UpstreamError: with code 14 when etcd refuses the login, and nothing about the reason,
                which is in the log; or etcd is not reachable, or the deadline has passed.
        """
        known = self._look_up(credentials) or await self._log_in(credentials, deadline)
        if known.refused:
            raise UpstreamError(Code.UNAVAILABLE, NO_LOGIN, local=True)
        return known.token

    def drop(self, credentials: Password, token: str) -> None:
        """Forget *token*, which etcd has refused; a newer one stays."""
        known = self._known.get(credentials)
        if known is not None and known.token == token and not known.refused:
            self._known.pop(credentials, None)

    async def is_stale(self, token: str, deadline: Deadline = NEVER) -> bool:
        """Ask etcd whether it refuses *token*, or the lack of one.

        For replies that leave it open. If etcd cannot say, the token is not to blame.
        """
        limit, remaining = self.limits.login_timeout, deadline.remaining()
        timeout = limit if remaining is None else min(limit, remaining)
        try:
            await self._upstream.unary(_RANGE, _PROBE, as_user([], token), timeout)
        except UpstreamError as error:
            return is_refusal(error, token)
        return False

    async def aclose(self) -> None:
        """End the logins of the running event loop. Tokens stay good."""
        logins = self._logins.take()
        if logins is not None:
            await logins.aclose()

    def _look_up(self, credentials: Password) -> Login | None:
        known = self._known.get(credentials)
        if known is None:
            return None
        if known.until < time.monotonic():
            self._known.pop(credentials, None)
            return None
        if len(self._known) > 1:
            self._remember(credentials, known)
        return known

    def _remember(self, credentials: Password, known: Login) -> None:
        """Keep *known* as what was used last, and drop what was not used for the longest time."""
        self._known.pop(credentials, None)
        self._known[credentials] = known
        while len(self._known) > self.limits.max_etcd_users:
            self._known.popitem(last=False)

    async def _log_in(self, credentials: Password, deadline: Deadline) -> Login:
        """Wait for the login that is under way, or a new one."""
        task = self._logins.here().start(credentials)
        done, _ = await asyncio.wait({task}, timeout=deadline.remaining())
        if not done:
            raise exceeded()
        if task.cancelled():
            raise UpstreamError(Code.UNAVAILABLE, NO_LOGIN, local=True)
        error = task.exception()
        if isinstance(error, UpstreamError):  # one of its own for each who waits
            raise copy(error)
        return task.result()


_ACCEPT = "grpcgateway-accept"


def as_user(metadata: Metadata, token: str) -> Metadata:
    """Return *metadata* with *token* and without what says who the client is.

    ``grpcgateway-accept`` is always there: without it etcd takes a call that has no token for one
    of the subject of the gateway's client certificate.

    Source: etcd server/auth/store.go, AuthInfoFromCtx and AuthInfoFromTLS.
    """
    signed = without_login(metadata)
    if not any(key == _ACCEPT for key, _ in signed):
        signed.append((_ACCEPT, "*/*"))
    if token:
        signed.append(("token", token))
    return signed
