"""Gateways with narrow limits, and what they hold."""

import gc
import os
from dataclasses import replace

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from etcd_asgi import Gateway, Grant, Limits
from tests.streams.apps.probed import memory, reset_peak

MIB = 1024 * 1024
ETCD = os.environ["ETCD_URL"]


def team(conn: HTTPConnection) -> Grant:
    return Grant(namespace=b"bounded/")


ROOMY = Limits(max_bytes_under_way=96 * MIB, room_timeout=60, send_timeout=1)
SHORT = replace(ROOMY, max_answer_bytes=2 * MIB)
GATEWAYS = {
    "/open": Gateway(ETCD, limits=ROOMY),
    "/team": Gateway(ETCD, limits=ROOMY, access=team),
    "/short": Gateway(ETCD, limits=SHORT),
    "/short-team": Gateway(ETCD, limits=SHORT, access=team),
}


async def state(_request: Request) -> JSONResponse:
    gc.collect()
    held = sum(one._shared.budget.held for one in GATEWAYS.values())
    answer = {"held": held, "peak": memory("VmHWM"), "memory": memory("VmRSS")}
    reset_peak()
    return JSONResponse(answer)


app = Starlette(
    routes=[Route("/state", state), *(Mount(path, one) for path, one in GATEWAYS.items())]
)
