"""Admission control: the host's policy for one request becomes a call, or a refusal."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Protocol

from starlette.requests import HTTPConnection

from etcd_asgi.calls.call import Call
from etcd_asgi.calls.method import Method
from etcd_asgi.calls.waiting import WAITING, User, WaitingCalls, WaitingUpstream
from etcd_asgi.calls.watch.state import WatchState
from etcd_asgi.codec.modes import DEFAULT, Modes
from etcd_asgi.deadline import NEVER, Deadline
from etcd_asgi.errors import Denied
from etcd_asgi.metadata import RequestHeaders
from etcd_asgi.namespace import SCOPED, Namespace
from etcd_asgi.namespace.session_leases import LEASED
from etcd_asgi.policy.audit import Audit
from etcd_asgi.policy.grant import Access, Grant, passthrough
from etcd_asgi.policy.guard import Authorize, GrantGuard
from etcd_asgi.policy.hooks import decide
from etcd_asgi.policy.identity import Identities
from etcd_asgi.policy.origin import Origins, Scope
from etcd_asgi.policy.watch_quota import StreamQuota, WatchQuotas
from etcd_asgi.settings import Limits
from etcd_asgi.upstream.auth.password import Password

logger = logging.getLogger("etcd_asgi")

_KEPT = 1024
"""Namespaces, and limits of bodies, that are kept from one request to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The host's policy, as its parameters give it."""

    access: Access = passthrough
    authorize: Authorize | None = None
    allowed_origins: Iterable[str] = ()
    audit: Audit | None = None
    lease_secret: bytes = field(default=b"", repr=False)
    credentials: Password | None = None

    @property
    def are_none(self) -> bool:
        """Check that every call passes as it is, without an audit."""
        return self.access is passthrough and self.authorize is None and self.audit is None


class Admission(Protocol):
    """Admission to a gateway."""

    async def admit(
        self, method: Method, modes: Modes, headers: RequestHeaders, scope: Scope
    ) -> Call:
        """Make the call of a request.

        Raises:
            Denied: it is refused.
        """
        ...

    async def admit_socket(
        self, method: Method | None, modes: Modes, headers: RequestHeaders, scope: Scope
    ) -> Call | None:
        """Make the call of a WebSocket's handshake; *method* is none for an unknown path.

        Raises:
            Denied: it is refused.
        """
        ...


class OpenAdmission:
    """Admission of every request as it is: the client's own token goes up, and etcd decides."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins

    async def admit(
        self, method: Method, modes: Modes, headers: RequestHeaders, scope: Scope
    ) -> Call:
        """See :class:`Admission`."""
        if headers.ambient:
            self._origins.check(scope)
        return Call(
            method,
            method.default if modes is DEFAULT else method.transcoder(modes),
            method.limits,
            method.upstream,
            headers.metadata,
            NEVER if headers.timeout is None else Deadline(headers.timeout),
            watch=WatchState() if method.is_watch else None,
        )

    async def admit_socket(
        self, method: Method | None, modes: Modes, headers: RequestHeaders, scope: Scope
    ) -> Call | None:
        """See :class:`Admission`."""
        self._origins.check_socket(scope)
        headers.ambient = False  # pages of this host, and those allowed, may use a cookie here
        return None if method is None else await self.admit(method, modes, headers, scope)


class HostAdmission:
    """Admission by the host, whose grant becomes the guard of a call.

    Args:
        rules: of the host.
        origins: pages that may use a visitor's login.
        limits: of the gateway.
        identities: upstreams of its etcd users.
        waiting: counts the calls that wait for a lock or an election.
    """

    def __init__(
        self,
        rules: Rules,
        origins: Origins,
        limits: Limits,
        identities: Identities,
        waiting: WaitingCalls,
    ) -> None:
        self._rules = rules
        self._origins = origins
        self._limits = limits
        self._identities = identities
        self._waiting = waiting
        self._quotas = WatchQuotas()
        self._namespace = lru_cache(_KEPT)(self._new_namespace)
        self._reduced = lru_cache(_KEPT)(self._new_limits)

    async def admit(
        self, method: Method, modes: Modes, headers: RequestHeaders, scope: Scope
    ) -> Call:
        """See :class:`Admission`."""
        if headers.ambient:
            self._origins.check(scope)
        return await self._call(method, modes, headers, HTTPConnection(scope))

    async def admit_socket(
        self, method: Method | None, modes: Modes, headers: RequestHeaders, scope: Scope
    ) -> Call | None:
        """See :class:`Admission`."""
        self._origins.check_socket(scope)
        conn = HTTPConnection(scope)
        try:
            if method is not None:
                return await self._call(method, modes, headers, conn)
            await decide(self._rules.access, conn)
        except Denied:
            raise
        except Exception as error:
            logger.exception("error while judging a WebSocket")
            raise Denied(500, "internal error") from error
        return None

    async def _call(
        self, method: Method, modes: Modes, headers: RequestHeaders, conn: HTTPConnection
    ) -> Call:
        grant = await decide(self._rules.access, conn)
        watch = WatchState() if method.is_watch else None
        guard = self._guard(grant, method, watch, conn)
        try:
            _check(grant, method.name)
        except Denied as error:
            guard.finished(error.code)
            raise
        limits = self._limits
        if grant.max_body_bytes is not None:
            limits = self._reduced(grant.max_body_bytes)
        metadata, upstream = self._identities.of(grant, headers.metadata)
        waiting = None
        if method.rpc in WAITING or method.name in LEASED:
            most = grant.max_waiting_calls
            upstream = waiting = WaitingUpstream(upstream, self._waiting, _waits_of(grant), most)
        transcoder = method.default if modes is DEFAULT else method.transcoder(modes)
        deadline = NEVER if headers.timeout is None else Deadline(headers.timeout)
        return Call(method, transcoder, limits, upstream, metadata, deadline, guard, waiting, watch)

    def _guard(
        self, grant: Grant, method: Method, watch: WatchState | None, conn: HTTPConnection
    ) -> GrantGuard:
        quota = None
        if grant.max_watches is not None and watch is not None:
            quota = StreamQuota(self._quotas, grant.user, grant.max_watches, watch)
        return GrantGuard(
            grant=grant,
            conn=conn,
            rpc=method.name,
            authorize=self._rules.authorize,
            namespace=self._namespace(grant.namespace) if grant.namespace else None,
            quota=quota,
            audit=self._rules.audit,
        )

    def _new_namespace(self, prefix: bytes) -> Namespace:
        return Namespace(prefix, self._rules.lease_secret)

    def _new_limits(self, max_body_bytes: int) -> Limits:
        most = min(max_body_bytes, self._limits.max_body_bytes)
        return replace(self._limits, max_body_bytes=most)


def _waits_of(grant: Grant) -> User:
    """Return the user, or the namespace, that waiting calls are counted for."""
    if grant.user:
        return "user", grant.user
    return ("namespace", grant.namespace) if grant.namespace else None


def _check(grant: Grant, rpc: str) -> None:
    if rpc not in grant.rpcs:
        raise Denied(403, f"{rpc} is not granted")
    if grant.namespace and rpc not in SCOPED:
        raise Denied(403, f"{rpc} reaches beyond a namespace of keys, and is not granted in one")
