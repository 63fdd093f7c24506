"""Connections per event loop and process, renewed and closed in order, in memory."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import anyio
import pytest

from etcd_asgi import TLS, Limits, UpstreamError
from etcd_asgi.errors import CLOSING
from etcd_asgi.testing import FakeCall, FakeUpstream
from etcd_asgi.upstream import parse_targets
from etcd_asgi.upstream.pool import Pool
from etcd_asgi.upstream.pooled_upstream import PooledUpstream
from tests.unit.upstream.authority import Authority
from tests.unit.upstream.fake_transport import FakeTransport

RANGE, LOCK, WATCH = "/etcdserverpb.KV/Range", "/v3lockpb.Lock/Lock", "/etcdserverpb.Watch/Watch"
QUICK = Limits(close_timeout=0.01, tls_check_time=0.01)


class Scene:
    """An upstream over a transport in memory; locks wait until *unlocked*."""

    def __init__(self, url: str = "http://a", tls: TLS | None = None) -> None:
        self.etcd = FakeUpstream()
        self.etcd.reply(RANGE, b"here")
        self.etcd.reply(WATCH, b"created", stays_open=True)
        self.etcd.handle(LOCK, self._lock)
        self.locking, self.unlocked = asyncio.Event(), asyncio.Event()
        self.transport = FakeTransport(self.etcd)
        self.upstream = PooledUpstream(self.transport, parse_targets(url), QUICK, tls)

    async def _lock(self, call: FakeCall) -> None:
        self.locking.set()
        await self.unlocked.wait()

    async def ask(self, rpc: str = RANGE) -> bytes:
        return await self.upstream.unary(rpc, b"", [], None)

    async def lock(self) -> asyncio.Task[bytes]:
        task = asyncio.create_task(self.ask(LOCK))
        await self.locking.wait()
        return task

    @property
    def open(self) -> int:
        return sum(not one.is_closed for one in self.transport.opened)


def test_each_event_loop_has_connections_of_its_own() -> None:
    scene = Scene()
    for loops in (1, 2, 3):
        for _ in range(2):
            assert asyncio.run(scene.ask()) == b"here"
        assert len(scene.transport.opened) == 4 * loops


async def test_nothing_is_opened_before_the_first_call_and_all_is_closed() -> None:
    scene = Scene()
    assert scene.transport.opened == []
    await scene.ask()
    assert scene.open == len(scene.transport.opened) == 2
    for _ in range(2):
        await scene.upstream.aclose()
    assert scene.open == 0
    assert await scene.ask() == b"here"
    assert scene.open == 2
    await scene.upstream.aclose()


async def test_closing_waits_for_calls_and_then_ends_them() -> None:
    scene = Scene()
    waiting = await scene.lock()
    watch = scene.upstream.bidi(WATCH, [], None)
    assert await watch.receive() == b"created"
    await scene.upstream.aclose()
    with pytest.raises(UpstreamError) as caught:
        await waiting
    assert (caught.value.args, caught.value.local) == ((14, CLOSING), True)
    with pytest.raises(UpstreamError) as ended:
        await watch.receive()
    assert ended.value.args == (1, "context canceled")
    assert all(call.cancelled for call in scene.etcd.calls)


async def test_closing_lets_a_call_end_that_is_about_to() -> None:
    scene = Scene()
    scene.upstream = PooledUpstream(
        scene.transport, parse_targets("http://a"), Limits(close_timeout=600)
    )
    waiting = await scene.lock()
    closing = asyncio.create_task(scene.upstream.aclose())
    await anyio.wait_all_tasks_blocked()
    assert scene.open == 2
    scene.unlocked.set()
    with anyio.fail_after(30):
        assert await waiting == b""
        await closing
    assert scene.open == 0


async def test_new_certificates_make_new_connections_and_the_former_drain(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    used = authority.in_use("alice")
    authority.issue("bob")
    scene = Scene("https://a", used)
    waiting = await scene.lock()
    first = [one.secure for one in scene.transport.opened]
    assert first[0] == first[1] is not None
    authority.put("bob", used)
    with anyio.fail_after(60):
        while len(scene.transport.opened) < 4:  # noqa: ASYNC110 - the files are looked at by time
            await asyncio.sleep(0.01)
    unary, streams, *new = scene.transport.opened
    assert first[0] not in [one.secure for one in new]
    await scene.ask()
    assert new[0].asked == [RANGE]
    assert not unary.is_closed
    scene.unlocked.set()
    await waiting
    with anyio.fail_after(60):
        while not (unary.is_closed and streams.is_closed):  # noqa: ASYNC110 - a task closes them
            await asyncio.sleep(0)
    assert scene.open == 2
    await scene.upstream.aclose()


FORKED = "this process was forked"


@pytest.mark.parametrize("survives", [True, False])
async def test_a_forked_process_opens_its_own_where_the_transport_can(
    *, survives: bool, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene()
    scene.transport.fork_error = None if survives else FORKED
    pool = scene.upstream._pool
    pool.drop_inherited()
    await scene.ask()
    pool.drop_inherited()  # as in a child of os.fork()
    if survives:
        await scene.ask()
        assert len(scene.transport.opened) == 4
    else:
        with pytest.raises(UpstreamError) as caught:
            await scene.ask()
        assert (caught.value.args, caught.value.local) == ((14, FORKED), True)
        assert FORKED in caplog.text
    await scene.upstream.aclose()
    assert not scene.transport.opened[0].is_closed, "the parent goes on with it"


def test_a_fork_is_noted_when_it_happens() -> None:
    transport = FakeTransport(FakeUpstream())
    transport.fork_error = FORKED
    pool = Pool(transport, parse_targets("http://a"), Limits(), None)

    async def use() -> bytes:
        try:
            pool.loops.here()
        except UpstreamError as error:
            return error.message.encode()
        return b"opened"

    assert asyncio.run(use()) == b"opened"
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.write(writer, asyncio.run(use()))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 100) == FORKED.encode()
    assert asyncio.run(use()) == b"opened"
    os.close(reader)
    os.close(writer)
