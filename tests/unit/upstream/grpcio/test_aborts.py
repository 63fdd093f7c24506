"""Calls whose clients leave give all their memory back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from etcd_asgi import Limits
from etcd_asgi.etcd import proto
from etcd_asgi.testing import EtcdServer
from etcd_asgi.upstream import GrpcUpstream, parse_targets
from etcd_asgi.upstream.grpcio.awaited import Awaited

pytestmark = pytest.mark.usefixtures("one_event_loop")

RANGE, PUT = "/etcdserverpb.KV/Range", "/etcdserverpb.KV/Put"
LOCK = "/v3lockpb.Lock/Lock"
MIB = 1024 * 1024
BIG = 1_100_000
ABORTS = 1500
ALLOWED = 60 * MIB
"""What grpcio's threads and Python keep for later; a call that is not given back is 1.1 MB."""


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.fixture
async def upstream(etcd: EtcdServer) -> GrpcUpstream:
    upstream = GrpcUpstream(parse_targets(etcd.endpoint), Limits())
    kind: Any = proto.message_class(proto.message_type("etcdserverpb.PutRequest"))
    await upstream.unary(PUT, kind(key=b"aborts", value=bytes(BIG)).SerializeToString(), [], 20)
    return upstream


async def unary(upstream: GrpcUpstream) -> None:
    await upstream.unary(RANGE, b"\n\x06aborts", [], None)


async def stream(upstream: GrpcUpstream) -> None:
    call = upstream.server_stream(RANGE, b"\n\x06aborts", [], None)
    try:
        await call.receive()
    finally:
        call.cancel()


async def abort(call: Callable[[], Awaitable[None]], times: int) -> None:
    """Make calls, twenty at a time, each of which is cancelled before or while it is answered."""
    left = iter(range(times))

    async def clients() -> None:
        for _ in left:
            task = asyncio.ensure_future(call())
            await asyncio.wait({task}, timeout=random.uniform(0, 0.06))
            task.cancel()
            await asyncio.wait({task})

    await asyncio.gather(*(clients() for _ in range(20)))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
@pytest.mark.parametrize("kind", [unary, stream])
async def test_the_memory_of_calls_that_are_cancelled_comes_back(
    upstream: GrpcUpstream, kind: Callable[[GrpcUpstream], Awaitable[None]]
) -> None:
    await abort(lambda: kind(upstream), 200)
    before = resident()
    await abort(lambda: kind(upstream), ABORTS)
    assert resident() - before < ALLOWED
    await upstream.aclose()


async def test_a_cancelled_task_is_cancelled_with_its_own_message(upstream: GrpcUpstream) -> None:
    """Cancel scopes know their own cancelling by it."""
    assert await upstream.unary(LOCK, b"\n\x06aborts", [], 20)
    for told, args in ((None, ()), ("scope 7", ("scope 7",))):
        waiting = asyncio.create_task(upstream.unary(LOCK, b"\n\x06aborts", [], None))
        await anyio.wait_all_tasks_blocked()
        waiting.cancel(told)
        with pytest.raises(asyncio.CancelledError) as caught:
            await waiting
        assert caught.value.args == args
    await upstream.aclose()


async def test_an_error_of_what_is_awaited_is_raised_as_it_is() -> None:
    async def fails() -> None:
        await asyncio.sleep(0)
        raise LookupError("as it is")

    with pytest.raises(LookupError, match="as it is"):
        await Awaited(asyncio.ensure_future(fails()), None)


async def test_a_call_without_a_way_to_cancel_it_in_the_core_is_cancelled_as_usual() -> None:
    async def waiting() -> None:
        future = asyncio.get_running_loop().create_future()
        await Awaited(future, object())

    task = asyncio.create_task(waiting())
    await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(20):
        await asyncio.wait({task})
    assert task.cancelled()
