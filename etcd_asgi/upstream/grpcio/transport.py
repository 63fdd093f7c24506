"""The upstream over grpcio."""

from __future__ import annotations

import asyncio
import logging
import os
from asyncio import CancelledError
from collections.abc import Sequence
from time import monotonic

import grpc.aio

from etcd_asgi.deadline import ended_by, exceeded, left_of, passes_at
from etcd_asgi.errors import UpstreamError
from etcd_asgi.metadata import Metadata
from etcd_asgi.settings import Limits
from etcd_asgi.status import Code
from etcd_asgi.upstream.certificates import Certificates
from etcd_asgi.upstream.grpcio.awaited import Awaited
from etcd_asgi.upstream.grpcio.call_metadata import CallMetadata
from etcd_asgi.upstream.grpcio.connections import Connections
from etcd_asgi.upstream.grpcio.errors import CLOSED, Ending
from etcd_asgi.upstream.grpcio.stream import GrpcStream
from etcd_asgi.upstream.targets import Target
from etcd_asgi.upstream.tls import TLS

logger = logging.getLogger("etcd_asgi.upstream")

FORKED = (
    "this process was forked after the gateway had connected to etcd, which gRPC does not survive:"
    " fork before the first call, or close the gateway first"
)


class GrpcUpstream:
    """Calls over grpcio channels: one set of channels for each running loop and process.

    Nothing is opened before the first call, so a gateway can be made at import time, before a
    fork, and be used from many loops.
    """

    def __init__(self, targets: Sequence[Target], limits: Limits, tls: TLS | None = None) -> None:
        self._targets = targets
        self._limits = limits
        secure = any(target.secure for target in targets)
        self._certificates = Certificates(tls or TLS()) if secure else None
        self._pid = os.getpid()
        self._by_loop: dict[asyncio.AbstractEventLoop, Connections] = {}

    async def unary(
        self,
        rpc: str,
        request: bytes,
        metadata: Metadata,
        timeout: float | None,
        *,
        may_wait: bool = True,
    ) -> bytes:
        """Make one call: see :class:`~etcd_asgi.upstream.transport.Upstream`.

        One that finds etcd gone waits for it once, as long as ``Limits.restart_time`` says, if it
        *may_wait*.
        """
        if timeout is not None:
            _refuse_if_over(timeout)
        channels, started = self._connections().unary, monotonic()
        used, begin, calls = channels.current, channels.unary(rpc), channels.calls
        under_way = begin(request, timeout=timeout, metadata=CallMetadata(metadata))
        calls.add(call := Awaited(under_way, under_way))
        try:
            answer: bytes = await call
        except CancelledError:
            if call.is_cancelled or not call.is_ended:
                raise
            ending = CLOSED
        except grpc.aio.AioRpcError as error:
            ending = Ending.of(error)
        else:
            channels.gone_since = None
            return answer
        finally:
            calls.discard(call)
            # Whoever keeps an error keeps this frame, and must not keep gRPC's call with it.
            del call, under_way, begin
            if channels.drained is not None:
                channels.look_whether_drained()
        channels.note(ending, used)
        if ended_by(passes_at(timeout, started), ending.code):
            raise exceeded()
        may_wait, left = may_wait and ending.never_left, left_of(timeout, started)
        if not (may_wait and await channels.is_back(used, started, left)):
            raise ending.error()
        return await self.unary(rpc, request, metadata, left_of(timeout, started), may_wait=False)

    def server_stream(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> GrpcStream:
        """Start a call: see :class:`~etcd_asgi.upstream.transport.Upstream`."""
        _refuse_if_over(timeout)
        channels = self._connections().streams
        begin = channels.server_stream(rpc)
        call = begin(request, timeout=timeout, metadata=CallMetadata(metadata))
        return GrpcStream(call, channels, passes_at(timeout, monotonic()))

    def bidi(self, rpc: str, metadata: Metadata, timeout: float | None) -> GrpcStream:
        """Start a call: see :class:`~etcd_asgi.upstream.transport.Upstream`."""
        _refuse_if_over(timeout)
        channels = self._connections().streams
        call = channels.bidi(rpc)(timeout=timeout, metadata=CallMetadata(metadata))
        return GrpcStream(call, channels, passes_at(timeout, monotonic()))

    async def aclose(self) -> None:
        """End all calls of the running loop and close its connections."""
        connections = self._by_loop.pop(asyncio.get_running_loop(), None)
        if connections is not None and self._pid == os.getpid():
            await connections.aclose()

    def _connections(self) -> Connections:
        if self._pid != os.getpid():
            self._refuse_inherited()
        loop = asyncio.get_running_loop()
        return self._by_loop.get(loop) or self._connect(loop)

    def _connect(self, loop: asyncio.AbstractEventLoop) -> Connections:
        for one in list(self._by_loop):
            if one.is_closed():  # and nobody closed the gateway on it
                self._by_loop.pop(one, None)
        connections = Connections(self._targets, self._limits, self._certificates)
        self._by_loop[loop] = connections
        return connections

    def _refuse_inherited(self) -> None:
        """Go on in a forked child, unless the parent had connections: gRPC does not survive that.

        Its threads are gone in the child, so that calls would hang, and so would freeing the
        channels: they stay referenced. Source: grpc doc/fork_support.md.
        """
        if self._by_loop:
            logger.error(FORKED)
            raise UpstreamError(Code.UNAVAILABLE, FORKED, local=True)
        self._pid = os.getpid()


def _refuse_if_over(timeout: float | None) -> None:
    if timeout is not None and timeout <= 0:
        raise exceeded()
