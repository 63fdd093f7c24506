"""Litestar: its mounts take their own part off the path."""

import os

from litestar import Litestar, asgi, get
from starlette.types import Receive, Scope, Send

from etcd_asgi import Gateway

gateway = Gateway(os.environ["ETCD_URL"])


@asgi("/etcd", is_mount=True, copy_scope=True)
async def etcd(scope: Scope, receive: Receive, send: Send) -> None:
    await gateway(scope, receive, send)


@get("/")
async def index() -> str:
    return "litestar"


app = Litestar([etcd, index])
