"""Starlette: a mount at /etcd, and a route beside it."""

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from etcd_asgi import Gateway

gateway = Gateway(os.environ["ETCD_URL"])


def index(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("starlette")


app = Starlette(routes=[Route("/", index), Mount("/etcd", gateway)], lifespan=gateway.lifespan)
