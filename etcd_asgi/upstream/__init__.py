"""The upstream: calls to etcd, in the only package that knows gRPC's library.

Its callers see bytes, metadata and :class:`~etcd_asgi.errors.UpstreamError`.
"""

from etcd_asgi.upstream.auth.authenticated import SignedUpstream
from etcd_asgi.upstream.auth.tokens import Tokens
from etcd_asgi.upstream.grpcio.event_loop import complaint
from etcd_asgi.upstream.grpcio.upstream import GrpcUpstream
from etcd_asgi.upstream.targets import Target, parse_targets
from etcd_asgi.upstream.tls import TLS
from etcd_asgi.upstream.transport import Upstream, UpstreamStream

__all__ = [
    "TLS",
    "GrpcUpstream",
    "SignedUpstream",
    "Target",
    "Tokens",
    "Upstream",
    "UpstreamStream",
    "complaint",
    "parse_targets",
]
