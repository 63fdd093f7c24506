"""The health of etcd, asked for by many."""

import asyncio

import anyio

from etcd_asgi import Limits
from etcd_asgi.calls.etcd_status import EtcdStatus
from etcd_asgi.errors import UpstreamError
from tests.unit.asgi.test_unexpected_errors import Upstream


class Counted(Upstream):
    """It counts the calls, and answers each when it is told to."""

    def __init__(self) -> None:
        self.calls = 0
        self.answers = asyncio.Event()
        self.fails = False

    async def unary(self, *_: object) -> bytes:
        self.calls += 1
        await self.answers.wait()
        if self.fails:
            raise UpstreamError(14, "etcd is not reachable")
        return b""


async def test_one_call_answers_all_who_ask_for_health() -> None:
    upstream = Counted()
    status = EtcdStatus(upstream, Limits(), "3.6.0")
    with anyio.fail_after(10):
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(status.unhealthy()) for _ in range(200)]
            await anyio.wait_all_tasks_blocked()
            asked[0].cancel()  # who leaves takes nobody's answer away
            await anyio.wait_all_tasks_blocked()
            upstream.answers.set()
    assert {task.result() for task in asked[1:]} == {"RAFT NO LEADER"}
    assert upstream.calls == 1


async def test_health_is_asked_for_anew_when_it_is_old() -> None:
    upstream = Counted()
    upstream.answers.set()
    kept = EtcdStatus(upstream, Limits(health_cache_time=600), "3.6.0")
    assert [await kept.unhealthy() for _ in range(3)] == ["RAFT NO LEADER"] * 3
    assert upstream.calls == 1
    forgetful = EtcdStatus(upstream, Limits(health_cache_time=1e-9), "3.6.0")
    await forgetful.unhealthy()
    upstream.fails = True
    assert await forgetful.unhealthy() == "etcd is not reachable"


def test_health_is_asked_for_on_each_event_loop() -> None:
    upstream = Counted()
    upstream.answers.set()
    status = EtcdStatus(upstream, Limits(health_cache_time=600), "3.6.0")
    assert [asyncio.run(status.unhealthy()) for _ in range(2)] == ["RAFT NO LEADER"] * 2
