"""Which target a call goes to, and what is made again, over a transport in memory."""

from __future__ import annotations

import asyncio
import logging

import anyio
import anyio.lowlevel
import pytest

from etcd_asgi import Limits, UpstreamError
from etcd_asgi.testing import FakeCall, FakeUpstream
from etcd_asgi.upstream import Target, parse_targets
from etcd_asgi.upstream.failover import UNREACHABLE, Failover
from etcd_asgi.upstream.pooled_upstream import PooledUpstream
from tests.unit.upstream.fake_transport import FakeTransport

RANGE, PUT, WATCH = "/etcdserverpb.KV/Range", "/etcdserverpb.KV/Put", "/etcdserverpb.Watch/Watch"
A, B, C = parse_targets([f"http://{name}" for name in "abc"])


class Scene:
    """An upstream over a transport in memory, to three targets of which some are *away*."""

    def __init__(self, *away: Target, limits: Limits | None = None) -> None:
        self.etcd = FakeUpstream()
        self.etcd.reply(RANGE, b"here")
        self.transport = FakeTransport(self.etcd)
        self.transport.away = set(away)
        self.upstream = PooledUpstream(self.transport, (A, B, C), limits or Limits())

    async def ask(self, rpc: str = RANGE, timeout: float | None = None) -> bytes:
        with anyio.fail_after(30):
            return await self.upstream.unary(rpc, b"", [], timeout)

    def asked(self, rpc: str = RANGE) -> list[str]:
        """The hosts that calls of *rpc* were made to, each as often."""
        return [
            one.target.addresses[0].host
            for one in self.transport.opened
            for name in one.asked
            if name == rpc
        ]


async def test_the_first_target_is_used_as_long_as_it_is_there() -> None:
    scene = Scene(B)
    assert [await scene.ask() for _ in range(3)] == [b"here"] * 3
    assert scene.asked() == ["a", "a", "a"]


@pytest.mark.parametrize("away", [(A,), (A, B)])
async def test_a_call_that_was_not_sent_is_made_on_the_next_target(
    away: tuple[Target, ...],
) -> None:
    scene = Scene(*away)
    assert await scene.ask() == b"here"
    assert await scene.ask() == b"here"
    last = "b" if len(away) == 1 else "c"
    assert scene.asked() == ["a", last, last]


async def test_a_call_that_was_sent_is_not_made_again_and_the_next_goes_elsewhere() -> None:
    scene = Scene()
    begun = asyncio.Event()

    async def put(call: FakeCall) -> None:
        begun.set()
        await asyncio.Event().wait()

    scene.etcd.handle(PUT, put)
    task = asyncio.create_task(scene.ask(PUT))
    await begun.wait()
    scene.transport.lose()
    with pytest.raises(UpstreamError) as caught:
        await task
    assert (caught.value.args, caught.value.local) == ((14, UNREACHABLE), True)
    assert scene.asked(PUT) == ["a"]
    await scene.ask()
    assert scene.asked() == ["b"]


@pytest.mark.parametrize("text", ["etcdserver: no leader", "etcdserver: request timed out"])
async def test_etcds_own_word_of_code_14_is_passed_on_and_changes_nothing(text: str) -> None:
    scene = Scene()
    scene.etcd.fail(PUT, 14, text)
    for _ in range(2):
        with pytest.raises(UpstreamError) as caught:
            await scene.ask(PUT)
        assert (caught.value.args, caught.value.local) == ((14, text), False)
    assert scene.asked(PUT) == ["a", "a"]


async def test_many_that_find_a_target_gone_change_over_once_and_warn_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene(A)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(20):
            tasks.create_task(scene.ask())
    assert set(scene.asked()) == {"a", "b"}
    (record,) = [one for one in caplog.records if one.name == "etcd_asgi.upstream"]
    assert record.levelno == logging.WARNING
    assert record.getMessage() == f"{UNREACHABLE}: nobody listens"


async def test_calls_wait_for_an_etcd_that_comes_back() -> None:
    scene = Scene(A, B, C, limits=Limits(restart_time=600))
    task = asyncio.create_task(scene.ask())
    for _ in range(100):  # turns in which it could fail
        await asyncio.sleep(0)
    assert not task.done()
    scene.transport.away.clear()
    assert await task == b"here"


async def test_a_call_that_has_waited_in_vain_says_that_etcd_is_not_there() -> None:
    scene = Scene(A, B, C, limits=Limits(restart_time=1e-9, connect_timeout=1e-9))
    with pytest.raises(UpstreamError) as caught:
        await scene.ask()
    assert caught.value.args == (14, UNREACHABLE)
    await scene.upstream.aclose()


async def test_closing_ends_the_wait() -> None:
    scene = Scene(A, B, C, limits=Limits(restart_time=600))
    task = asyncio.create_task(scene.ask())
    while len(scene.asked()) == 0:  # noqa: ASYNC110 - it is made in the next turns
        await asyncio.sleep(0)
    await scene.upstream.aclose()
    with pytest.raises(UpstreamError) as caught:
        await task
    assert caught.value.args == (14, UNREACHABLE)


async def test_a_call_that_has_waited_for_etcd_has_less_time_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene(A)
    now = [0.0]
    monkeypatch.setattr("etcd_asgi.deadline.time.monotonic", lambda: now[0])
    monkeypatch.setattr("etcd_asgi.upstream.pooled_upstream.monotonic", lambda: now[0])

    async def is_back(*_: object) -> bool:
        now[0] += 20
        return True

    monkeypatch.setattr(Failover, "may_call_again", is_back)
    await scene.ask(timeout=60)
    assert scene.etcd.calls[-1].timeout == 40


async def test_a_stream_that_finds_its_target_gone_is_not_begun_again() -> None:
    scene = Scene(A)
    scene.etcd.reply(WATCH, b"created", stays_open=True)
    first = scene.upstream.bidi(WATCH, [], None)
    for _ in range(2):
        with pytest.raises(UpstreamError) as caught:
            await first.receive()
        assert (caught.value.args, caught.value.local) == ((14, UNREACHABLE), True)
    assert not await first.send(b"more")
    second = scene.upstream.bidi(WATCH, [], None)
    assert await second.receive() == b"created"
    second.cancel()
    assert scene.asked(WATCH) == ["a", "b"]


async def test_an_end_at_the_deadline_is_the_deadlines_whatever_its_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene()
    monkeypatch.setattr("etcd_asgi.deadline._MARGIN", 60)
    for code in (1, 2):
        scene.etcd.fail(PUT, code, "etcdserver: it was time")
        with pytest.raises(UpstreamError) as unary:
            await scene.ask(PUT, timeout=30)
        with pytest.raises(UpstreamError) as stream:
            await scene.upstream.server_stream(PUT, b"", [], 30).receive()
        for caught, local in ((unary, True), (stream, False)):
            assert caught.value.args == (4, "context deadline exceeded")
            assert caught.value.local is local
