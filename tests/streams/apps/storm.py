"""Starlette with a gateway at /etcd for two teams, named by a header, and what is left of them."""

import asyncio
import gc
import os

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from etcd_asgi import Gateway, Grant
from tests.streams.apps.probed import is_ours, memory, open_files


def access(conn: HTTPConnection) -> Grant:
    """Each team has a namespace of its own."""
    team = conn.headers["x-team"]
    return Grant(namespace=f"/{team}/".encode(), user=team)


gateway = Gateway(os.environ["ETCD_URL"], access=access)


async def state(_request: Request) -> JSONResponse:
    gc.collect()
    return JSONResponse(
        {
            "tasks": [str(task) for task in asyncio.all_tasks() if is_ours(task)],
            "streams": len(gateway._streams),
            "files": open_files(),
            "memory": memory("VmRSS"),
        }
    )


app = Starlette(routes=[Route("/state", state), Mount("/etcd", gateway)], lifespan=gateway.lifespan)
