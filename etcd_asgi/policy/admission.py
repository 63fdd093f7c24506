"""Who may come in: the host's decision about a request, made a way to etcd."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache

from starlette.requests import HTTPConnection
from starlette.types import Scope

from etcd_asgi.calls.transcoder import Transcoder
from etcd_asgi.calls.waiting import WAITING, User, WaitingCalls, WaitingUpstream
from etcd_asgi.errors import Denied
from etcd_asgi.metadata import RequestHeaders
from etcd_asgi.namespace import SCOPED, Namespace
from etcd_asgi.namespace.session_leases import LEASED
from etcd_asgi.policy.audit import Audit
from etcd_asgi.policy.grant import Access, Grant, decide, passthrough
from etcd_asgi.policy.guard import Authorize, Passage
from etcd_asgi.policy.guarded_transcoder import GuardedTranscoder
from etcd_asgi.policy.identity import Identities
from etcd_asgi.policy.origin import Origins
from etcd_asgi.policy.watch_quota import Watching, WatchQuotas
from etcd_asgi.settings import Limits
from etcd_asgi.upstream import Upstream
from etcd_asgi.upstream.auth.password import Password

logger = logging.getLogger("etcd_asgi")

_KEPT = 1024
"""Namespaces, and limits of bodies, that are kept from one request to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the host wants of every request."""

    access: Access = passthrough
    authorize: Authorize | None = None
    allowed_origins: Iterable[str] = ()
    audit: Audit | None = None
    lease_secret: bytes = field(default=b"", repr=False)
    credentials: Password | None = None


class Admission:
    """Admits requests to a gateway.

    Args:
        rules: of the host.
        limits: of the gateway.
        upstream: the way to etcd.
        waiting: counts the calls that wait for a lock or an election.

    Raises:
        ValueError: a rule that cannot be.
    """

    def __init__(
        self, rules: Rules, limits: Limits, upstream: Upstream, waiting: WaitingCalls
    ) -> None:
        self.origins = Origins(rules.allowed_origins)
        self.is_open = (
            rules.access is passthrough and rules.authorize is None and rules.audit is None
        )
        """Whether all may pass as they are, and nobody takes notes."""

        self._rules = rules
        self._limits = limits
        self.identities = Identities(upstream, limits, rules.credentials)
        """The ways to etcd."""

        self._waiting = waiting
        self._quotas = WatchQuotas()
        self._namespace = lru_cache(_KEPT)(self._new_namespace)
        self._lesser = lru_cache(_KEPT)(self._new_limits)

    async def grant(self, scope: Scope) -> Grant:
        """What the host grants to whoever sent a request.

        Raises:
            Denied: nothing.
        """
        return await decide(self._rules.access, HTTPConnection(scope))

    async def admit(
        self, transcoder: Transcoder, headers: RequestHeaders, scope: Scope
    ) -> Transcoder:
        """Judge a request, and find what carries it.

        A login that is not to reach etcd is taken out of *headers*.

        Raises:
            Denied: it may not come in.
        """
        if headers.ambient:
            self.origins.check(scope)
        if self.is_open:
            return transcoder
        return await self._guarded(transcoder, headers, HTTPConnection(scope))

    async def _guarded(
        self, transcoder: Transcoder, headers: RequestHeaders, conn: HTTPConnection
    ) -> Transcoder:
        grant = await decide(self._rules.access, conn)
        passage = self._passage(grant, transcoder.binding.name, conn)
        try:
            _check(grant, transcoder.binding.name)
        except Denied as error:
            passage.record([], error.code)
            raise
        limits = self._limits
        if grant.max_body_bytes is not None:
            limits = self._lesser(grant.max_body_bytes)
        upstream, sessions = self.identities.of(grant, headers), None
        if transcoder.binding.rpc in WAITING or transcoder.binding.name in LEASED:
            most = grant.max_waiting_calls
            sessions = WaitingUpstream(upstream, self._waiting, _waits_of(grant), most)
        return GuardedTranscoder(transcoder, passage, upstream, limits, sessions)

    async def admit_socket(
        self, transcoder: Transcoder | None, headers: RequestHeaders, scope: Scope
    ) -> Transcoder | None:
        """Judge an upgrade before it is accepted; *transcoder* is none for an unknown path.

        Raises:
            Denied: it is refused.
        """
        self.origins.check_socket(scope)
        if self.is_open:
            return transcoder
        try:
            if transcoder is not None:
                return await self._guarded(transcoder, headers, HTTPConnection(scope))
            await self.grant(scope)
        except Denied:
            raise
        except Exception as error:
            logger.exception("error while judging a WebSocket")
            raise Denied(500, "internal error") from error
        return None

    def _passage(self, grant: Grant, rpc: str, conn: HTTPConnection) -> Passage:
        watching = None
        if grant.max_watches is not None and rpc == "Watch.Watch":
            watching = Watching(self._quotas, grant.user, grant.max_watches)
        return Passage(
            grant=grant,
            conn=conn,
            rpc=rpc,
            authorize=self._rules.authorize,
            namespace=self._namespace(grant.namespace) if grant.namespace else None,
            watching=watching,
            audit=self._rules.audit,
        )

    def _new_namespace(self, prefix: bytes) -> Namespace:
        return Namespace(prefix, self._rules.lease_secret)

    def _new_limits(self, max_body_bytes: int) -> Limits:
        most = min(max_body_bytes, self._limits.max_body_bytes)
        return replace(self._limits, max_body_bytes=most)


def _waits_of(grant: Grant) -> User:
    """Name those whose waiting calls are counted together."""
    if grant.user:
        return "user", grant.user
    return ("namespace", grant.namespace) if grant.namespace else None


def _check(grant: Grant, rpc: str) -> None:
    if rpc not in grant.rpcs:
        raise Denied(403, f"{rpc} is not granted")
    if grant.namespace and rpc not in SCOPED:
        raise Denied(403, f"{rpc} reaches beyond a namespace of keys, and is not granted in one")
