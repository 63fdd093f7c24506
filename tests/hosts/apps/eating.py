"""Starlette with a gateway behind middleware that reads bodies, in each of its ways."""

import os
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from etcd_asgi import Gateway

Next = Callable[[Request], Awaitable[Response]]


async def stream(request: Request, call_next: Next) -> Response:
    """Read piece by piece, as for a checksum, or a form."""
    async for _ in request.stream():
        pass
    return await call_next(request)


class Raw:
    """Reads to the end of the body, and hands the server's ``receive`` on with an empty one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = True

        async def empty_first() -> dict[str, object]:
            nonlocal left
            if left:
                left = False
                return {"type": "http.request", "body": b"", "more_body": False}
            return dict(await receive())

        if scope["type"] == "http":
            while (await receive()).get("more_body"):
                pass
        await self._app(scope, empty_first, send)


gateway = Gateway(os.environ["ETCD_URL"])
app = Starlette(
    routes=[
        Mount("/etcd", gateway),
        Mount("/stream", gateway, middleware=[Middleware(BaseHTTPMiddleware, dispatch=stream)]),
        Mount("/raw", gateway, middleware=[Middleware(Raw)]),
    ],
)
