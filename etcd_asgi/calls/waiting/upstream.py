"""An upstream on which waiting calls are counted."""

from __future__ import annotations

from collections.abc import Callable

from etcd_asgi.calls.waiting.open_calls import WAITING, WaitingCalls
from etcd_asgi.calls.waiting.places import User
from etcd_asgi.calls.waiting.session_leases import Session
from etcd_asgi.deadline import Deadline
from etcd_asgi.metadata import Metadata
from etcd_asgi.upstream import Upstream, UpstreamStream


class WaitingUpstream:
    """See :class:`~etcd_asgi.upstream.transport.Upstream`.

    Args:
        base: carries the calls.
        calls: of the gateway.
        user: key by which the calls are counted.
        most: waiting calls that *user* may have; by default as the limits say.
    """

    __slots__ = ("_base", "_calls", "_most", "_user")

    def __init__(
        self, base: Upstream, calls: WaitingCalls, user: User = None, most: int | None = None
    ) -> None:
        self._base, self._calls, self._user = base, calls, user
        self._most = calls.limits.max_waiting_calls_per_user if most is None else most

    async def unary(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> bytes:
        """Make one call.

        Raises:
            UpstreamError: it ended with a status other than OK, or too many wait already.
        """
        if rpc not in WAITING:
            return await self._base.unary(rpc, request, metadata, timeout)
        return await self._reply(rpc, request, metadata, timeout)

    async def in_session(
        self, rpc: str, session: Session, metadata: Metadata, timeout: float | None
    ) -> bytes:
        """Make one call with a lease that is made for it.

        Unless the call succeeds and its reply is taken, the lease is revoked.

        Raises:
            UpstreamError: as of :meth:`unary`, or etcd refuses the lease.
        """
        return await self._reply(rpc, session, metadata, timeout)

    def server_stream(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> UpstreamStream:
        """Start a call with one message up and many down."""
        base = self._base
        if rpc not in WAITING:
            return base.server_stream(rpc, request, metadata, timeout)
        return self._stream(lambda: base.server_stream(rpc, request, metadata, None), timeout)

    def bidi(self, rpc: str, metadata: Metadata, timeout: float | None) -> UpstreamStream:
        """Start a call with many messages each way."""
        base = self._base
        if rpc not in WAITING:
            return base.bidi(rpc, metadata, timeout)
        return self._stream(lambda: base.bidi(rpc, metadata, None), timeout)

    async def aclose(self) -> None:
        """End all calls of the running event loop and close their connections."""
        await self._calls.aclose()
        await self._base.aclose()

    async def _reply(
        self, rpc: str, request: bytes | Session, metadata: Metadata, timeout: float | None
    ) -> bytes:
        deadline = Deadline(timeout)
        deadline.check()
        await self._calls.places.take(self._user, self._most)
        call = self._calls.unary(self._base, rpc, metadata, self._user)
        return await call.reply(request, deadline.remaining())

    def _stream(self, start: Callable[[], UpstreamStream], timeout: float | None) -> UpstreamStream:
        Deadline(timeout).check()
        self._calls.places.take_now(self._user, self._most)
        try:
            call = start()
        except BaseException:
            self._calls.places.give_back(self._user)
            raise
        return self._calls.stream(call, timeout, self._user)
