"""gRPC channels: how they are opened, which is in use, and which calls are under way on them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import grpc
import grpc.aio

from etcd_asgi.settings import Limits
from etcd_asgi.upstream.certificates import Secure
from etcd_asgi.upstream.grpcio.errors import UNREACHABLE, Ending
from etcd_asgi.upstream.grpcio.intercepted import InterceptedCall, notes_calls
from etcd_asgi.upstream.targets import Target

logger = logging.getLogger("etcd_asgi.upstream")

_LOOK_TIME = 0.03
"""Seconds between two looks at a channel that calls wait for."""

_WARNING_PAUSE = 1.0
"""Least seconds between two lines in the log that say the same."""

Begin = Callable[..., Any]
"""What begins calls of one RPC."""


class UnderWay(Protocol):
    """A call that has begun and not ended."""

    def end(self) -> None:
        """End it from this side."""
        ...


class Channels:
    """The channels of one event loop, and which of them is in use.

    Args:
        targets: what to connect to.
        limits: of connections.
        secure: certificates of secure targets.
        streams: they are for streaming calls.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        limits: Limits,
        secure: Secure | None,
        *,
        streams: bool = False,
    ) -> None:
        self._close_timeout = limits.close_timeout
        self._channels = [_open(target, limits, secure, streams=streams) for target in targets]
        self.current = 0
        """Index of the channel in use."""

        self._begins: dict[str, Begin] = {}
        self.calls: set[UnderWay] = set()
        """Those under way. Small ones are entered without a function."""

        self.drained: Callable[[], None] | None = None
        """What waits for the last of them, once no call will begin any more."""

        self._warned = float("-inf")
        self._restart_time = limits.restart_time
        self._connect_timeout = limits.connect_timeout
        self._waiter: asyncio.Task[None] | None = None
        self.gone_since: float | None = None
        """When etcd was found to be gone, on the monotonic clock; ``None``: it is there."""

    def unary(self, rpc: str) -> Begin:
        """What makes calls of *rpc* on the channel in use."""
        begin = self._begins.get(rpc)
        if begin is None:
            begin = self._begins[rpc] = _unary(self._channels[self.current], rpc)
        return begin

    def server_stream(self, rpc: str) -> Begin:
        """What makes calls of *rpc*, with many messages down, on the channel in use."""
        return self._channels[self.current].unary_stream(rpc)

    def bidi(self, rpc: str) -> Begin:
        """What makes calls of *rpc*, with many messages each way, on the channel in use."""
        return self._channels[self.current].stream_stream(rpc)

    def leave(self, call: UnderWay) -> None:
        """Take note that *call* has ended."""
        self.calls.discard(call)
        self.look_whether_drained()

    def look_whether_drained(self) -> None:
        """Tell what waits for the end of all calls, if they have ended."""
        if self.drained is not None and not self.calls:
            self.drained()

    def retire(self, drained: Callable[[], None]) -> None:
        """Call *drained* when the last call has ended, as no other will begin."""
        self.drained = drained
        if not self.calls:
            drained()

    def note(self, ending: Ending, used: int) -> None:
        """Take the channel *used* out of use if *ending*, of a call on it, says that it is dead."""
        if ending.is_outage:
            if self.gone_since is None:
                self.gone_since = time.monotonic()
            self._warn(ending.message)
            self._change_over(used)

    async def is_back(self, used: int, started: float, timeout: float | None) -> bool:
        """Wait for etcd, after a call that never left.

        With several channels the wait goes on to each of the others, and there is time to connect
        to one even where it took all the patience to find the first one dead.

        Args:
            used: the channel of that call.
            started: when it began, on the monotonic clock.
            timeout: seconds until the call's deadline, or none.

        Returns:
            Whether it can be made, as it could not before.
        """
        if self.gone_since is None:
            return False
        patience = min(self.gone_since, started) + self._restart_time - time.monotonic()
        if used != self.current:
            patience = max(patience, self._connect_timeout)
        longest = patience if timeout is None else min(patience, timeout)
        if longest <= 0:
            return False
        if self._waiter is None or self._waiter.done():
            self._waiter = asyncio.get_running_loop().create_task(self._wait_for_one())
        waiter = self._waiter
        done, _ = await asyncio.wait({waiter}, timeout=longest)
        return bool(done) and not waiter.cancelled() and waiter.exception() is None

    async def _wait_for_one(self) -> None:
        """Wait until the channel in use has a connection, and use the next one while it has none.

        gRPC could tell of it, but cannot be made to stop: what it tells a loop that has ended
        meanwhile becomes an error on another.
        """
        states = grpc.ChannelConnectivity
        while True:
            state = self._channels[self.current].get_state(try_to_connect=True)
            if state is states.READY:
                return
            await asyncio.sleep(_LOOK_TIME)
            if state is states.TRANSIENT_FAILURE:
                self._change_over(self.current)

    def _warn(self, reason: str) -> None:
        """Log why etcd is not reachable; not for each of the calls that find out together."""
        now = time.monotonic()
        if now - self._warned >= _WARNING_PAUSE:
            self._warned = now
            logger.warning("%s: %s", UNREACHABLE, reason)

    def _change_over(self, used: int) -> None:
        """Go on with the next channel, unless another call has seen to it already."""
        if len(self._channels) > 1 and used == self.current:
            self.current = (used + 1) % len(self._channels)
            self._begins.clear()

    async def aclose(self) -> None:
        """Close all channels; calls that do not end in time are cancelled."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.cancel()
            await asyncio.wait({self._waiter})
        if self.calls:
            await self._drain()
        for call in list(self.calls):
            call.end()
        for channel in self._channels:
            await channel.close()

    async def _drain(self) -> None:
        """Wait for the calls under way, for as long as closing may take."""
        over = asyncio.get_running_loop().create_future()
        self.drained = lambda: None if over.done() else over.set_result(None)
        await asyncio.wait({over}, timeout=self._close_timeout)


def _unary(channel: grpc.aio.Channel, rpc: str) -> Begin:
    begin: Begin = channel.unary_unary(rpc)
    if not getattr(begin, "_interceptors", None):
        return begin
    return partial(InterceptedCall, channel.unary_unary(rpc, request_serializer=notes_calls))


def _open(
    target: Target, limits: Limits, secure: Secure | None, *, streams: bool
) -> grpc.aio.Channel:
    options = _options(limits)
    if streams:
        options += _STREAM_OPTIONS
    if secure is None:
        return grpc.aio.insecure_channel(target.name, options=options)
    if secure.server_name is not None:
        options.append(("grpc.ssl_target_name_override", secure.server_name))
    credentials = grpc.ssl_channel_credentials(secure.ca, secure.key, secure.cert)
    return grpc.aio.secure_channel(target.name, credentials, options=options)


_READ_AHEAD_BYTES = 256 * 1024
"""What etcd may send on a stream before it is received. Enough for 5 MB/s over 50 ms."""

_STREAM_OPTIONS: list[tuple[str, int | str]] = [
    # Left to itself the library widens the window of a stream that is fast to many MiB, which it
    # then holds in memory for each reader that stalls.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", _READ_AHEAD_BYTES),
]


_MAX_OPTION = 2**31 - 1
"""Largest number that the library takes."""


def _options(limits: Limits) -> list[tuple[str, int | str]]:
    """Channel arguments.

    Retries are off: the gateway promises one call for one request, and the machinery costs a tenth
    of a small call. Messages of any size are sent: bodies have a limit of their own, and what is
    too large for etcd it says itself. Of one that is too large to be received, the library keeps
    nothing; with its ``grpc.minimal_stack`` it would not look.
    """
    reconnect = int(limits.max_reconnect_delay * 1000)
    return [
        ("grpc.enable_retries", 0),
        ("grpc.lb_policy_name", "round_robin"),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", min(limits.max_answer_bytes, _MAX_OPTION)),
        ("grpc.max_send_message_length", -1),
        ("grpc.keepalive_time_ms", int(limits.keepalive_time * 1000)),
        ("grpc.keepalive_timeout_ms", int(limits.keepalive_timeout * 1000)),
        # Later releases give a ping a minute of its own, whatever the line above says.
        ("grpc.http2.ping_timeout_ms", int(limits.keepalive_timeout * 1000)),
        ("grpc.keepalive_permit_without_calls", 0),
        ("grpc.min_reconnect_backoff_ms", int(limits.connect_timeout * 900)),
        ("grpc.initial_reconnect_backoff_ms", min(250, reconnect)),
        ("grpc.max_reconnect_backoff_ms", reconnect),
        ("grpc.enable_http_proxy", 0),
        ("grpc.dns_ares_query_timeout", int(limits.connect_timeout * 1000)),
    ]
