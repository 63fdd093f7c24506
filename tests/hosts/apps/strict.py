"""Starlette with a body limit of its own, far below the gateway's."""

import os

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.routing import Mount

from etcd_asgi import Gateway

app = Starlette(
    routes=[Mount("/etcd", Gateway(os.environ["ETCD_URL"]))],
    middleware=[Middleware(RequestBodyLimitMiddleware, max_body_size=1024)],
)
