"""Starlette with a gateway at /etcd, a prefix for each flavour, and what is left in the process."""

import asyncio
import gc
import os
from pathlib import Path
from typing import Any
from weakref import WeakSet

import grpc.aio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from etcd_asgi import Gateway
from etcd_asgi.upstream.grpcio import connection, stream

FLAVOURS = ("3.3", "3.4", "3.5", "3.6", "3.7", "compat")

gateway = Gateway(os.environ["ETCD_URL"], versions={"v3": "3.6"} | {one: one for one in FLAVOURS})


class NotedStream(stream.GrpcStream):
    """A call of gRPC's, noted as long as anybody has it."""

    def __init__(self, call: Any) -> None:
        super().__init__(call)
        calls.add(call)


calls: WeakSet[grpc.aio.Call] = WeakSet()
setattr(connection, "GrpcStream", NotedStream)  # noqa: B010 - mypy takes no such assignment


async def state(_request: Request) -> JSONResponse:
    return JSONResponse(
        {
            "tasks": [str(task) for task in asyncio.all_tasks() if is_ours(task)],
            "calls": sum(not call.done() for call in list(calls)),
            "streams": len(gateway._streams),
            "files": open_files(),
            "memory": memory("VmRSS"),
            "peak": memory("VmHWM"),
        }
    )


def is_ours(task: asyncio.Task[Any]) -> bool:
    """Whether a task runs code of the gateway or of gRPC, in whichever frame."""
    coroutine: Any = task.get_coro()
    while coroutine is not None:
        code = getattr(coroutine, "cr_code", None)
        if code is not None and ("etcd_asgi" in code.co_filename or "grpc" in code.co_filename):
            return True
        coroutine = getattr(coroutine, "cr_await", None)
    return False


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): VmHWM becomes VmRSS


def memory(name: str) -> int:
    """Bytes, of what proc(5) calls *name*."""
    status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[name].removesuffix("kB")) * 1024


async def forget_peak(_request: Request) -> JSONResponse:
    gc.collect()
    reset_peak()
    return JSONResponse({})


async def close(_request: Request) -> JSONResponse:
    await gateway.aclose()
    return JSONResponse({})


app = Starlette(
    routes=[
        Route("/state", state),
        Route("/forget-peak", forget_peak, methods=["POST"]),
        Route("/close", close, methods=["POST"]),
        Mount("/etcd", gateway),
    ],
    lifespan=gateway.lifespan,
)
