"""The etcd user that a call is made as: the client's own, or one that stands for it."""

from __future__ import annotations

from etcd_asgi.metadata import Metadata, without_login
from etcd_asgi.policy.grant import Grant
from etcd_asgi.settings import Limits
from etcd_asgi.upstream import SignedUpstream, Tokens, Upstream
from etcd_asgi.upstream.auth.password import Password


class Identities:
    """Upstreams for callers: pass-through, with the gateway's etcd user, or with the grant's.

    Args:
        upstream: the one without a login.
        limits: of the logins that are kept.
        own: the gateway's own credentials, if it has any.
    """

    def __init__(self, upstream: Upstream, limits: Limits, own: Password | None) -> None:
        self._upstream = upstream
        self._tokens = Tokens(upstream, limits)
        self._own = own

    def own(self) -> Upstream:
        """Return the upstream for calls of the gateway itself."""
        return self._signed(self._own)

    def of(self, grant: Grant, metadata: Metadata) -> tuple[Metadata, Upstream]:
        """Choose the upstream for a caller with *grant*.

        Returns:
            The metadata that goes up, without a login that must not reach etcd, and the upstream.
            A :class:`SignedUpstream` takes the login out by itself.
        """
        if grant.forward_token:
            return metadata, self._upstream
        credentials = grant.credentials or self._own
        if credentials is None:
            return without_login(metadata), self._upstream
        return metadata, self._signed(credentials)

    async def aclose(self) -> None:
        """End the logins of the running event loop that are under way."""
        await self._tokens.aclose()

    def _signed(self, credentials: Password | None) -> Upstream:
        if credentials is None:
            return self._upstream
        return SignedUpstream(self._upstream, self._tokens, credentials)
