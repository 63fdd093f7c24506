"""gRPC channels: how they are opened, which is in use, and gRPC's errors made ours."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import grpc
import grpc.aio

from etcd_asgi.budget import too_long
from etcd_asgi.errors import UpstreamError
from etcd_asgi.metadata import Metadata
from etcd_asgi.settings import Limits
from etcd_asgi.status import Code
from etcd_asgi.upstream.certificates import Secure
from etcd_asgi.upstream.deadlines import DEADLINE
from etcd_asgi.upstream.targets import Target

logger = logging.getLogger("etcd_asgi.upstream")

UNREACHABLE = "etcd is not reachable"
"""Told to clients for a call that found no etcd. The reason may name addresses: it is logged."""

_OVER: dict[int, str] = {Code.DEADLINE_EXCEEDED: DEADLINE, Code.CANCELLED: "context canceled"}

_LOOK_TIME = 0.03
"""Seconds between two looks at a channel that calls wait for."""

_WARNING_PAUSE = 1.0
"""Least seconds between two lines in the log that say the same."""

_NEVER_LEFT = ("failed to connect to all addresses", "connections to all backends failing")
"""How gRPC says that a call found no connection, so that etcd knows nothing of it.

Source: grpc src/core/load_balancing/pick_first and round_robin.
"""

_TOO_LONG = re.compile(r"Received message larger than max \((\d+) vs\. (\d+)\)")
"""How gRPC says on this side that a message is longer than the limit. etcd's own words for a
request that is too long begin with a small letter.

Source: grpc src/core/ext/filters/message_size/message_size_filter.cc, from 1.49 on; grpc-go
rpc_util.go, recvMsg.
"""

Call = Callable[..., Any]


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

        self._calls: dict[str, Call] = {}
        self.under_way = 0
        """Calls that have begun and not ended. Small ones are counted without a function."""

        self.drained: Callable[[], None] | None = None
        """What waits for the last of them, once no call will begin any more."""

        self._warned = float("-inf")
        self._restart_time = limits.restart_time
        self._waiters: dict[int, asyncio.Task[None]] = {}
        self.gone_since: float | None = None
        """When etcd was found to be gone, on the monotonic clock; ``None``: it is there."""

    def unary(self, rpc: str) -> Call:
        """What makes calls of *rpc* on the channel in use."""
        call = self._calls.get(rpc)
        if call is None:
            call = self._calls[rpc] = self._channels[self.current].unary_unary(rpc)
        return call

    def server_stream(self, rpc: str) -> Call:
        """What makes calls of *rpc*, with many messages down, on the channel in use."""
        return self._channels[self.current].unary_stream(rpc)

    def bidi(self, rpc: str) -> Call:
        """What makes calls of *rpc*, with many messages each way, on the channel in use."""
        return self._channels[self.current].stream_stream(rpc)

    def enter(self) -> None:
        """A call begins."""
        self.under_way += 1

    def leave(self) -> None:
        """A call that began has ended."""
        self.under_way -= 1
        if self.drained is not None and not self.under_way:
            self.drained()

    def retire(self, drained: Callable[[], None]) -> None:
        """No call will begin any more; call *drained* when the last has ended."""
        self.drained = drained
        if not self.under_way:
            drained()

    def translate(self, error: grpc.aio.AioRpcError, used: int) -> UpstreamError:
        """Our error for gRPC's on the channel *used*, which a failure to connect takes out of use.

        The library has several texts for a deadline that is over; etcd's gateway has one.
        """
        code, message = error.code().value[0], error.details() or ""
        if message.startswith("etcdserver:"):
            return UpstreamError(code, message)
        if code == Code.RESOURCE_EXHAUSTED and (found := _TOO_LONG.search(message)):
            return too_long(int(found[1]), int(found[2]))
        if code == Code.UNAVAILABLE:
            if self.gone_since is None:
                self.gone_since = time.monotonic()
            self._warn(message)
            self._change_over(used)
            return UpstreamError(code, UNREACHABLE, local=True)
        if code in _OVER:
            return UpstreamError(code, _OVER[code], local=True)
        return UpstreamError(code, message)

    async def is_back(
        self, error: grpc.aio.AioRpcError, started: float, timeout: float | None
    ) -> bool:
        """Wait for an etcd that *error* says is gone, if the call never left.

        Args:
            error: how the call ended.
            started: when it began, on the monotonic clock.
            timeout: seconds until the call's deadline, or none.

        Returns:
            Whether it can be made, as it could not before.
        """
        if self.gone_since is None or not (error.details() or "").startswith(_NEVER_LEFT):
            return False
        patience = min(self.gone_since, started) + self._restart_time - time.monotonic()
        longest = patience if timeout is None else min(patience, timeout)
        if longest <= 0:
            return False
        waiter = self._waiter()
        done, _ = await asyncio.wait({waiter}, timeout=longest)
        return bool(done) and not waiter.cancelled() and waiter.exception() is None

    def _waiter(self) -> asyncio.Task[None]:
        """The one task that waits for the channel in use, for all calls that do."""
        waiter = self._waiters.get(self.current)
        if waiter is None or waiter.done():
            ready = _ready(self._channels[self.current])
            waiter = self._waiters[self.current] = asyncio.get_running_loop().create_task(ready)
        return waiter

    def _warn(self, reason: str) -> None:
        """Log why etcd is not reachable; not for each of the calls that find out together."""
        now = time.monotonic()
        if now - self._warned >= _WARNING_PAUSE:
            self._warned = now
            logger.warning("etcd is not reachable: %s", reason)

    def _change_over(self, used: int) -> None:
        """Go on with the next channel, unless another call has seen to it already."""
        if len(self._channels) > 1 and used == self.current:
            self.current = (used + 1) % len(self._channels)
            self._calls.clear()

    async def aclose(self) -> None:
        """Close all channels; calls that do not end in time are cancelled."""
        waiters = [one for one in self._waiters.values() if not one.done()]
        for waiter in waiters:
            waiter.cancel()
        if waiters:
            await asyncio.wait(waiters)
        for channel in self._channels:
            await channel.close(self._close_timeout)


async def _ready(channel: grpc.aio.Channel) -> None:
    """Wait for a connection.

    gRPC could tell of it, but cannot be made to stop: what it tells a loop that has ended meanwhile
    becomes an error on another.
    """
    ready = grpc.ChannelConnectivity.READY
    while channel.get_state(try_to_connect=True) is not ready:  # noqa: ASYNC110 - as said
        await asyncio.sleep(_LOOK_TIME)


def was_closed(call: Any) -> bool:
    """Whether the ``CancelledError`` of *call* says that it was ended, or its channel closed.

    The library raises it for a call that was ended as well as for the task that waits for it.
    """
    task = asyncio.current_task()
    return bool(call.cancelled()) and (task is None or not task.cancelling())


class Pairs(tuple[tuple[str, str | bytes], ...], grpc.aio.Metadata):  # type: ignore[misc]  # tuple's methods
    """Metadata that gRPC goes through as it is: to be made by :func:`as_pairs`.

    Of any other sequence gRPC first makes a ``Metadata``, a dict of lists, which costs a small call
    more than its JSON does. This is one by its type, and a tuple by what it does.
    """


as_pairs: Callable[[Metadata], Pairs] = partial(tuple.__new__, Pairs)
"""Past the initializer of ``Metadata``, which would fill the dict."""


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
    return grpc.aio.secure_channel(target.name, secure.credentials(), options=options)


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
