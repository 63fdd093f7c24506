"""Django with ASGI middleware around all of it, the gateway under /etcd included."""

from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response

from tests.hosts.apps.django import application


async def tag(request: Request, call_next: RequestResponseEndpoint) -> Response:
    response = await call_next(request)
    response.headers["x-host"] = "dressed"
    return response


app = GZipMiddleware(BaseHTTPMiddleware(application, dispatch=tag), minimum_size=100)
