"""The way to etcd: the only room that knows gRPC's library.

What crosses its border is bytes, metadata and :class:`~etcd_asgi.errors.UpstreamError`.
"""

from etcd_asgi.upstream.channel import GrpcUpstream
from etcd_asgi.upstream.loops import complaint
from etcd_asgi.upstream.seam import Upstream, UpstreamStream
from etcd_asgi.upstream.signed import SignedUpstream
from etcd_asgi.upstream.targets import Target, parse_targets
from etcd_asgi.upstream.tls import TLS
from etcd_asgi.upstream.tokens import Tokens

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
