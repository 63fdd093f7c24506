"""An upstream over any transport."""

from __future__ import annotations

from asyncio import CancelledError, get_running_loop
from collections.abc import Sequence
from time import monotonic

from etcd_asgi.deadline import Deadline, exceeded
from etcd_asgi.metadata import Metadata
from etcd_asgi.settings import Limits
from etcd_asgi.upstream.failover import upstream_error
from etcd_asgi.upstream.pool import Pool
from etcd_asgi.upstream.pooled_stream import PooledStream
from etcd_asgi.upstream.targets import Target
from etcd_asgi.upstream.tls import TLS
from etcd_asgi.upstream.transport import Transport


class PooledUpstream:
    """Calls over pooled connections: see :class:`~etcd_asgi.upstream.transport.Upstream`.

    Nothing is opened before the first call.

    Args:
        transport: what makes the calls.
        targets: what to connect to, in the order of preference.
        limits: of connections.
        tls: files of certificates, for targets that are secure.
    """

    def __init__(
        self,
        transport: Transport,
        targets: Sequence[Target],
        limits: Limits,
        tls: TLS | None = None,
    ) -> None:
        self._pool = Pool(transport, targets, limits, tls)

    async def unary(
        self,
        rpc: str,
        request: bytes,
        metadata: Metadata,
        timeout: float | None,
        *,
        may_wait: bool = True,
    ) -> bytes:
        """Make one call.

        One that cannot reach etcd waits for it once, as long as ``Limits.restart_time`` says, if it
        *may_wait*.
        """
        if timeout is not None and timeout <= 0:
            raise exceeded()
        connections, began = self._pool.loops[get_running_loop()].unary, monotonic()
        failover, calls = connections.failover, connections.calls
        call = (used := failover.current).unary(rpc, request, metadata, timeout)
        calls.add(call)
        try:
            reply = await call
        except (Exception, CancelledError) as error:
            failure = call.failure(error)
            if failure is None:
                raise
        else:
            failover.gone_since = None
            return reply
        finally:
            calls.discard(call)
            del call  # a kept error keeps this frame, and must not keep the call with it
            if connections.drained is not None:
                connections.check_drained()
        failover.note(failure, used)
        deadline = Deadline(timeout, began)
        if deadline.ended(failure.code):
            raise exceeded()
        if may_wait and await failover.may_call_again(failure, used, began, deadline):
            return await self.unary(rpc, request, metadata, deadline.remaining(), may_wait=False)
        raise upstream_error(failure)

    def server_stream(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> PooledStream:
        """Start a call with one message up and many down."""
        return self._stream(rpc, request, metadata, timeout)

    def bidi(self, rpc: str, metadata: Metadata, timeout: float | None) -> PooledStream:
        """Start a call with many messages each way."""
        return self._stream(rpc, None, metadata, timeout)

    async def aclose(self) -> None:
        """End all calls of the running loop and close its connections."""
        await self._pool.aclose()

    def _stream(
        self, rpc: str, request: bytes | None, metadata: Metadata, timeout: float | None
    ) -> PooledStream:
        deadline = Deadline(timeout)
        deadline.check()
        connections = self._pool.loops[get_running_loop()].streams
        used = connections.failover.current
        call = used.stream(rpc, request, metadata, timeout)
        return PooledStream(call, connections, used, deadline)
