"""An upstream whose calls are made as an etcd user."""

from __future__ import annotations

from etcd_asgi.deadline import Deadline
from etcd_asgi.errors import UpstreamError
from etcd_asgi.metadata import Metadata
from etcd_asgi.status import Code
from etcd_asgi.upstream.auth.authenticated_stream import Opening, SignedStream
from etcd_asgi.upstream.auth.login import NO_LOGIN
from etcd_asgi.upstream.auth.password import Password
from etcd_asgi.upstream.auth.token_errors import is_outage, is_refusal
from etcd_asgi.upstream.auth.tokens import Tokens, as_user
from etcd_asgi.upstream.transport import Upstream, UpstreamStream


class SignedUpstream:
    """Upstream that makes the calls of *upstream* as the etcd user of *credentials*.

    It is an :class:`~etcd_asgi.upstream.transport.Upstream` itself, and so small that one can be
    made for each request. All of a gateway share one
    :class:`~etcd_asgi.upstream.auth.tokens.Tokens`::

        tokens = Tokens(upstream, limits)
        SignedUpstream(upstream, tokens, Password("svc-web", "...")).unary(rpc, ...)

    What the metadata say of the client (its own token, ``Authorization``, cookies) stays behind.

    When etcd does not take the token any more (it was restarted, its users or roles were changed,
    the token is too old), the gateway logs in again and makes the call once more, so that the
    client notices one slower call. That is safe for every call: etcd judges the token before it
    carries anything out. Where it goes on refusing new tokens ``Limits.max_login_retries`` times,
    the client gets the error that the gateway could not log in, code 14, and not that its own token
    is wrong.
    """

    __slots__ = ("_credentials", "_tokens", "_upstream")

    def __init__(self, upstream: Upstream, tokens: Tokens, credentials: Password) -> None:
        self._upstream = upstream
        self._tokens = tokens
        self._credentials = credentials

    async def unary(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> bytes:
        """Make one call: see :class:`~etcd_asgi.upstream.transport.Upstream`."""
        tokens, mine = self._tokens, self._credentials
        token, deadline = tokens.known(mine), Deadline(timeout)
        if token is None:
            token = await tokens.sign(mine, deadline)
            timeout = deadline.remaining()
        try:
            return await self._upstream.unary(rpc, request, as_user(metadata, token), timeout)
        except UpstreamError as error:
            if is_outage(error):
                tokens.drop(mine, token)
            if not is_refusal(error, token):
                raise
        tokens.drop(mine, token)
        return await self._unary_again(rpc, request, metadata, deadline)

    async def _unary_again(
        self, rpc: str, request: bytes, metadata: Metadata, deadline: Deadline
    ) -> bytes:
        tokens, mine = self._tokens, self._credentials
        for _ in range(tokens.limits.max_login_retries):
            token = await tokens.sign(mine, deadline)
            signed = as_user(metadata, token)
            try:
                return await self._upstream.unary(rpc, request, signed, deadline.remaining())
            except UpstreamError as error:
                if not is_refusal(error, token):
                    raise
            tokens.drop(mine, token)
        raise UpstreamError(Code.UNAVAILABLE, NO_LOGIN, local=True)

    def server_stream(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> UpstreamStream:
        """Start a call: see :class:`~etcd_asgi.upstream.auth.authenticated_stream.SignedStream`."""

        def start(token: str, remaining: float | None) -> UpstreamStream:
            return self._upstream.server_stream(rpc, request, as_user(metadata, token), remaining)

        return self._stream(rpc, Opening(start, Deadline(timeout)))

    def bidi(self, rpc: str, metadata: Metadata, timeout: float | None) -> UpstreamStream:
        """Start a call: see :class:`~etcd_asgi.upstream.auth.authenticated_stream.SignedStream`."""

        def start(token: str, remaining: float | None) -> UpstreamStream:
            return self._upstream.bidi(rpc, as_user(metadata, token), remaining)

        return self._stream(rpc, Opening(start, Deadline(timeout)))

    async def aclose(self) -> None:
        """End the logins of the running event loop, and all calls of the upstream beneath."""
        await self._tokens.aclose()
        await self._upstream.aclose()

    def _stream(self, rpc: str, opening: Opening) -> SignedStream:
        return SignedStream(rpc, opening, self._tokens, self._credentials)
