"""As whom calls are made at etcd: as the client itself, or as an etcd user that stands for it."""

from __future__ import annotations

from etcd_asgi.metadata import RequestHeaders, without_login
from etcd_asgi.policy.grant import Grant
from etcd_asgi.settings import Limits
from etcd_asgi.upstream import SignedUpstream, Tokens, Upstream
from etcd_asgi.upstream.auth.password import Password


class Identities:
    """The ways to etcd, one for each identity.

    Args:
        upstream: the way without a login.
        limits: of the logins that are kept.
        own: the gateway's own credentials, if it has any.
    """

    def __init__(self, upstream: Upstream, limits: Limits, own: Password | None) -> None:
        self._upstream = upstream
        self._tokens = Tokens(upstream, limits)
        self._own = own

    def own(self) -> Upstream:
        """The way for calls of the gateway itself."""
        return self._signed(self._own)

    def of(self, grant: Grant, headers: RequestHeaders) -> Upstream:
        """The way for calls of somebody with *grant*.

        A login that is not to reach etcd is taken out of *headers*; :class:`SignedUpstream` does
        that by itself.
        """
        if grant.forward_token:
            return self._upstream
        credentials = grant.credentials or self._own
        if credentials is None:
            headers.metadata = without_login(headers.metadata)
        return self._signed(credentials)

    async def aclose(self) -> None:
        """End the logins of the running event loop that are under way."""
        await self._tokens.aclose()

    def _signed(self, credentials: Password | None) -> Upstream:
        if credentials is None:
            return self._upstream
        return SignedUpstream(self._upstream, self._tokens, credentials)
