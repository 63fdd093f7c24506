"""Calls whose clients leave give all their memory back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from etcd_asgi import Limits
from etcd_asgi.testing import EtcdServer
from etcd_asgi.upstream import GrpcUpstream, parse_targets
from etcd_asgi.upstream.grpcio.operation import Operation
from tests.unit.upstream.grpcio.aborts import KINDS, MEMORY

ROOT = Path(__file__).parents[4]
LOCK = "/v3lockpb.Lock/Lock"
MIB = 1024 * 1024
ALLOWED = 16 * MIB
"""What grpcio's threads and Python keep for later; a call that is not given back is 1.1 MB.

Seen were up to 6 MB, and 18 to 220 MB where grpcio's futures were cancelled as usual.
"""


@pytest.fixture
async def upstream(etcd: EtcdServer) -> GrpcUpstream:
    return GrpcUpstream(parse_targets(etcd.endpoint), Limits())


@pytest.mark.skipif(not MEMORY.exists(), reason="needs /proc")
@pytest.mark.parametrize("kind", KINDS)
def test_the_memory_of_calls_that_are_cancelled_comes_back(etcd: EtcdServer, kind: str) -> None:
    program = [sys.executable, "-m", "tests.unit.upstream.grpcio.aborts", etcd.endpoint, kind]
    done = subprocess.run(program, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < ALLOWED


@pytest.mark.usefixtures("one_event_loop")
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


@pytest.mark.usefixtures("one_event_loop")
async def test_an_error_of_what_is_awaited_is_raised_as_it_is() -> None:
    async def fails() -> None:
        await asyncio.sleep(0)
        raise LookupError("as it is")

    with pytest.raises(LookupError, match="as it is"):
        await Operation(asyncio.ensure_future(fails()), None)


@pytest.mark.usefixtures("one_event_loop")
async def test_a_call_without_a_way_to_cancel_it_in_the_core_is_cancelled_as_usual() -> None:
    async def waiting() -> None:
        future = asyncio.get_running_loop().create_future()
        await Operation(future, object())

    task = asyncio.create_task(waiting())
    await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(20):
        await asyncio.wait({task})
    assert task.cancelled()
