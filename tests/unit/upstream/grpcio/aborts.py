"""A program: cancel many calls, and print by how many bytes this process has grown meanwhile.

``python -m tests.unit.upstream.grpcio.aborts http://127.0.0.1:2379 unary``. A process of its own,
as what other tests have left in the heap grows and shrinks by itself.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import random
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from etcd_asgi import Limits
from etcd_asgi.etcd import proto
from etcd_asgi.upstream import GrpcUpstream, parse_targets

RANGE, PUT = "/etcdserverpb.KV/Range", "/etcdserverpb.KV/Put"
MEMORY = Path("/proc/self/statm")
BIG = 1_100_000
AT_A_TIME = 10
FIRST, ABORTS = 200, 1500
Call = Callable[[], Awaitable[None]]


def resident() -> int:
    """The bytes that this process has in memory, without what the C library keeps for later."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
    if trim is not None:
        trim(0)
    return int(MEMORY.read_text().split()[1]) * resource.getpagesize()


async def unary(upstream: GrpcUpstream) -> None:
    """Make a unary call."""
    await upstream.unary(RANGE, b"\n\x06aborts", [], None)


async def stream(upstream: GrpcUpstream) -> None:
    """Make a call whose response is a stream."""
    call = upstream.server_stream(RANGE, b"\n\x06aborts", [], None)
    try:
        await call.receive()
    finally:
        call.cancel()


KINDS = {"unary": unary, "stream": stream}


async def longest(call: Call) -> float:
    """Seconds in which all of as many calls are answered as are made at a time."""
    for _ in range(3):  # the first makes the connection
        started = time.monotonic()
        await asyncio.gather(*(call() for _ in range(AT_A_TIME)))
    return time.monotonic() - started


async def abort(call: Call, times: int) -> None:
    """Make calls, some at a time, most of which are cancelled before or while they are answered."""
    left = iter(range(times))
    patience = await longest(call)

    async def client() -> None:
        for _ in left:
            task = asyncio.ensure_future(call())
            await asyncio.wait({task}, timeout=random.uniform(0, patience))
            task.cancel()
            await asyncio.wait({task})

    await asyncio.gather(*(client() for _ in range(AT_A_TIME)))


async def growth(endpoint: str, kind: str) -> int:
    """Cancel calls of a kind before this etcd, after some that make grpcio's threads."""
    upstream = GrpcUpstream(parse_targets(endpoint), Limits())
    put: Any = proto.message_class(proto.message_type("etcdserverpb.PutRequest"))
    await upstream.unary(PUT, put(key=b"aborts", value=bytes(BIG)).SerializeToString(), [], 20)
    await abort(lambda: KINDS[kind](upstream), FIRST)
    before = resident()
    await abort(lambda: KINDS[kind](upstream), ABORTS)
    after = resident()
    await upstream.aclose()
    return after - before


if __name__ == "__main__":
    print(asyncio.run(growth(*sys.argv[1:])))
