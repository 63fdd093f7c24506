"""Quart, which has no mounts: hypercorn's dispatcher stands in front."""

import os
from typing import Any

from hypercorn.middleware import DispatcherMiddleware
from quart import Quart

from etcd_asgi import Gateway

quart = Quart(__name__)


@quart.get("/")
async def index() -> str:
    return "quart"


gateway: Any = Gateway(os.environ["ETCD_URL"])  # hypercorn's types know no other ASGI types
app = DispatcherMiddleware({"/etcd": gateway, "": quart})
