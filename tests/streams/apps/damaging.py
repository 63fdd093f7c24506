"""Starlette with a gateway on whose way from etcd a byte of each snapshot is damaged."""

import os

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount

from etcd_asgi import Gateway, Limits
from etcd_asgi.metadata import Metadata
from etcd_asgi.upstream import GrpcUpstream, UpstreamStream, parse_targets


class DamagedStream:
    """A stream whose second message has another byte at its end."""

    def __init__(self, stream: UpstreamStream) -> None:
        self._stream = stream
        self._received = 0
        self.send, self.half_close, self.cancel = stream.send, stream.half_close, stream.cancel

    async def receive(self) -> bytes | None:
        message = await self._stream.receive()
        self._received += 1
        if message is None or self._received != 2:
            return message
        return message[:-1] + bytes([message[-1] ^ 1])


class DamagingUpstream(GrpcUpstream):
    def server_stream(  # type: ignore[override]
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> DamagedStream:
        return DamagedStream(super().server_stream(rpc, request, metadata, timeout))


async def tag(request: Request, call_next: RequestResponseEndpoint) -> Response:
    response = await call_next(request)
    response.headers["x-host"] = "damaging"
    return response


gateway = Gateway(DamagingUpstream(parse_targets(os.environ["ETCD_URL"]), Limits()))
app = Starlette(
    routes=[
        Mount("/etcd", gateway),
        Mount("/middleware/etcd", gateway, middleware=[Middleware(BaseHTTPMiddleware, tag)]),
    ]
)
