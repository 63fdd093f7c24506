"""The transport over grpcio: opens channels with the options that etcd needs."""

from __future__ import annotations

import grpc
import grpc.aio

from etcd_asgi.settings import Limits
from etcd_asgi.upstream.certificates import Secure
from etcd_asgi.upstream.grpcio.connection import GrpcConnection
from etcd_asgi.upstream.targets import IPV4, IPV6, NAME, Address, Target

FORKED = (
    "this process was forked after the gateway had connected to etcd, which gRPC does not survive:"
    " fork before the first call, or close the gateway first"
)


class GrpcTransport:
    """Transport over grpcio: see :class:`~etcd_asgi.upstream.transport.Transport`.

    Args:
        limits: of connections.
    """

    fork_error = FORKED
    """Its threads do not run in the child, so that calls would hang, and so would freeing channels.

    Source: grpc doc/fork_support.md.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def open(self, target: Target, secure: Secure | None, *, for_streams: bool) -> GrpcConnection:
        """Open a channel to *target*, which connects at its first call."""
        options = _options(self._limits)
        if for_streams:
            options += _STREAM_OPTIONS
        name = grpc_name(target)
        if secure is None:
            return GrpcConnection(grpc.aio.insecure_channel(name, options=options))
        if secure.server_name is not None:
            options.append(("grpc.ssl_target_name_override", secure.server_name))
        credentials = grpc.ssl_channel_credentials(secure.ca, secure.key, secure.cert)
        return GrpcConnection(grpc.aio.secure_channel(name, credentials, options=options))


_SCHEMES = {NAME: "dns", IPV4: "ipv4", IPV6: "ipv6"}


def grpc_name(target: Target) -> str:
    """Return *target* in gRPC's syntax: ``ipv4:10.0.0.1:2379,10.0.0.2:2379``.

    Source: grpc doc/naming.md.
    """
    scheme = _SCHEMES[target.addresses[0].family]
    return f"{scheme}:{','.join(_shown(address) for address in target.addresses)}"


def _shown(address: Address) -> str:
    host = f"[{address.host}]" if address.family == IPV6 else address.host
    return f"{host}:{address.port}"


_READ_AHEAD_BYTES = 256 * 1024
"""Bytes that etcd may send on a stream before they are received. Enough for 5 MB/s over 50 ms."""

_STREAM_OPTIONS: list[tuple[str, int | str]] = [
    # Left to itself the library widens the window of a stream that is fast to many MiB, which it
    # then holds in memory for each reader that stalls.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", _READ_AHEAD_BYTES),
]


_MAX_OPTION = 2**31 - 1
"""Largest number that the library takes."""


def _options(limits: Limits) -> list[tuple[str, int | str]]:
    """Return the channel arguments.

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
