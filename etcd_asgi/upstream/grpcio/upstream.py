"""The upstream over grpcio."""

from __future__ import annotations

from collections.abc import Sequence

from etcd_asgi.settings import Limits
from etcd_asgi.upstream.grpcio.transport import GrpcTransport
from etcd_asgi.upstream.pooled_upstream import PooledUpstream
from etcd_asgi.upstream.targets import Target
from etcd_asgi.upstream.tls import TLS


class GrpcUpstream(PooledUpstream):
    """Calls over grpcio channels: one set of channels for each running loop and process."""

    def __init__(self, targets: Sequence[Target], limits: Limits, tls: TLS | None = None) -> None:
        super().__init__(GrpcTransport(limits), targets, limits, tls)
