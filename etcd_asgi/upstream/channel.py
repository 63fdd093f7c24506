"""The upstream over grpcio: channels, calls, and gRPC's errors made ours."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import grpc
import grpc.aio

from etcd_asgi.errors import UpstreamError
from etcd_asgi.metadata import Metadata
from etcd_asgi.settings import Limits
from etcd_asgi.status import Code
from etcd_asgi.upstream.targets import Target
from etcd_asgi.upstream.tls import TLS

logger = logging.getLogger("etcd_asgi.upstream")

UNREACHABLE = "etcd is not reachable"
"""Told to clients for a call that found no etcd. The reason may name addresses: it is logged."""

FORKED = (
    "this process was forked after the gateway had connected to etcd, which gRPC does not survive:"
    " fork before the first call, or close the gateway first"
)

_DEADLINE = "context deadline exceeded"
"""What Go's gRPC says of a deadline: grpc-go status/status.go, FromContextError."""

_OVER: dict[int, str] = {Code.DEADLINE_EXCEEDED: _DEADLINE, Code.CANCELLED: "context canceled"}

Call = Callable[..., Any]


class GrpcUpstream:
    """Calls over grpcio channels: one set of channels for each running loop and process.

    Nothing is opened before the first call, so a gateway can be made at import time, before a
    fork, and be used from many loops.
    """

    def __init__(self, targets: Sequence[Target], limits: Limits, tls: TLS | None = None) -> None:
        self._targets = targets
        self._limits = limits
        self._tls = tls
        self._pid = os.getpid()
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Channels] = WeakKeyDictionary()

    async def unary(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> bytes:
        """Make one call: see :class:`~etcd_asgi.upstream.seam.Upstream`."""
        if timeout is not None and timeout <= 0:
            raise UpstreamError(Code.DEADLINE_EXCEEDED, _DEADLINE)
        channels = self._channels()
        used, call = channels.current, channels.unary(rpc)
        try:
            answer: bytes = await call(request, timeout=timeout, metadata=_Pairs(metadata))
        except grpc.aio.AioRpcError as error:
            ours = channels.translate(error, used)
            if timeout is not None and ours.message == _DEADLINE:
                ours.code = Code.DEADLINE_EXCEEDED  # lock and campaign say Unknown
            raise ours from None
        return answer

    async def aclose(self) -> None:
        """End all calls of the running loop and close its connections."""
        channels = self._by_loop.pop(asyncio.get_running_loop(), None)
        if channels is not None and self._pid == os.getpid():
            await channels.aclose()

    def _channels(self) -> Channels:
        if self._pid != os.getpid():
            self._refuse_inherited()
        loop = asyncio.get_running_loop()
        channels = self._by_loop.get(loop)
        if channels is None:
            channels = self._by_loop[loop] = Channels(self._targets, self._limits, self._tls)
        return channels

    def _refuse_inherited(self) -> None:
        """Go on in a forked child, unless the parent had connections: gRPC does not survive that.

        Its threads are gone in the child, so that calls would hang, and so would freeing the
        channels: they stay referenced. Source: grpc doc/fork_support.md.
        """
        if self._by_loop:
            logger.error(FORKED)
            raise UpstreamError(Code.UNAVAILABLE, FORKED)
        self._pid = os.getpid()


class Channels:
    """The channels of one event loop, and which of them is in use."""

    def __init__(self, targets: Sequence[Target], limits: Limits, tls: TLS | None) -> None:
        self._close_timeout = limits.close_timeout
        self._channels = [_open(target, limits, tls) for target in targets]
        self.current = 0
        """Index of the channel in use."""

        self._calls: dict[str, Call] = {}

    def unary(self, rpc: str) -> Call:
        """What makes calls of *rpc* on the channel in use."""
        call = self._calls.get(rpc)
        if call is None:
            call = self._calls[rpc] = self._channels[self.current].unary_unary(rpc)
        return call

    def translate(self, error: grpc.aio.AioRpcError, used: int) -> UpstreamError:
        """Our error for gRPC's on the channel *used*, which a failure to connect takes out of use.

        The library has several texts for a deadline that is over; etcd's gateway has one.
        """
        code, message = error.code().value[0], error.details() or ""
        if message.startswith("etcdserver:"):
            return UpstreamError(code, message)
        if code == Code.UNAVAILABLE:
            logger.warning("etcd is not reachable: %s", message)
            self._change_over(used)
            return UpstreamError(code, UNREACHABLE)
        return UpstreamError(code, _OVER.get(code, message))

    def _change_over(self, used: int) -> None:
        """Go on with the next channel, unless another call has seen to it already."""
        if len(self._channels) > 1 and used == self.current:
            self.current = (used + 1) % len(self._channels)
            self._calls.clear()

    async def aclose(self) -> None:
        """Close all channels; calls that do not end in time are cancelled."""
        for channel in self._channels:
            await channel.close(self._close_timeout)


class _Pairs(grpc.aio.Metadata):
    """Metadata that gRPC reads as it is, without making a dict of lists of it first."""

    def __init__(self, pairs: Metadata) -> None:
        self._pairs = pairs

    def __len__(self) -> int:
        return len(self._pairs)

    def __iter__(self) -> Iterator[tuple[str, str | bytes]]:
        return iter(self._pairs)


def _open(target: Target, limits: Limits, tls: TLS | None) -> grpc.aio.Channel:
    options = _options(limits)
    if not target.secure:
        return grpc.aio.insecure_channel(target.name, options=options)
    tls = tls or TLS()
    if tls.server_name is not None:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    return grpc.aio.secure_channel(target.name, tls.credentials(), options=options)


def _options(limits: Limits) -> list[tuple[str, int | str]]:
    """Channel arguments.

    Retries are off: the gateway promises one call for one request, and the machinery costs a tenth
    of a small call. Messages of any size are received, as etcd client/v3/options.go does, and
    sent: bodies have a limit of their own, and what is too large for etcd it says itself.
    """
    reconnect = int(limits.max_reconnect_delay * 1000)
    return [
        ("grpc.enable_retries", 0),
        ("grpc.lb_policy_name", "round_robin"),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
        ("grpc.keepalive_time_ms", int(limits.keepalive_time * 1000)),
        ("grpc.keepalive_timeout_ms", int(limits.keepalive_timeout * 1000)),
        ("grpc.keepalive_permit_without_calls", 0),
        ("grpc.min_reconnect_backoff_ms", int(limits.connect_timeout * 900)),
        ("grpc.initial_reconnect_backoff_ms", min(250, reconnect)),
        ("grpc.max_reconnect_backoff_ms", reconnect),
        ("grpc.enable_http_proxy", 0),
    ]
