"""Nothing goes on after a gateway is closed, and no error that is kept keeps a call."""

from __future__ import annotations

import asyncio
import gc
import importlib
import pkgutil
import threading
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import anyio
import pytest

import etcd_asgi
from etcd_asgi import Limits, UpstreamError
from etcd_asgi.testing import EtcdServer
from etcd_asgi.upstream import GrpcUpstream, parse_targets

RANGE, WATCH = "/etcdserverpb.KV/Range", "/etcdserverpb.Watch/Watch"
QUICK = Limits(max_reconnect_delay=0.05, connect_timeout=1, restart_time=0.3, close_timeout=0.2)


class Slamming:
    """An address that takes connections and ends them."""

    def __init__(self) -> None:
        self.count = 0

    async def slam(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.count += 1
        writer.close()

    async def after(self, seconds: float) -> int:
        """How many connections come in so many seconds, beside those that are made already."""
        for _ in range(5):
            await asyncio.sleep(0)
        before = self.count
        await asyncio.sleep(seconds)  # for what must not happen meanwhile
        return self.count - before


@pytest.fixture
async def no_collector() -> AsyncIterator[None]:
    """Memory is freed by references alone, as in a process with nothing to do."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("kept", ["dropped", "kept"])
@pytest.mark.parametrize("call", ["unary", "server stream", "bidi", "sent"])
@pytest.mark.usefixtures("one_event_loop")
async def test_a_closed_upstream_connects_no_more_even_if_its_errors_are_kept(
    call: str, kept: str
) -> None:
    slamming, errors = Slamming(), []
    server = await asyncio.start_server(slamming.slam, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    upstream = GrpcUpstream(parse_targets(f"http://127.0.0.1:{port}"), QUICK)
    for _ in range(2):
        try:
            with anyio.fail_after(30):
                await make(upstream, call)
        except UpstreamError as error:
            errors.append(error if kept == "kept" else error.code)
    assert len(errors) == 2
    assert slamming.count
    await upstream.aclose()
    assert await slamming.after(1) == 0
    server.close()


async def make(upstream: GrpcUpstream, call: str) -> object:
    """Make a call of this kind."""
    if call == "unary":
        return await upstream.unary(RANGE, b"", [], None)
    if call == "server stream":
        return await upstream.server_stream(RANGE, b"", [], None).receive()
    stream = upstream.bidi(WATCH, [], None)
    if call == "sent":
        await stream.send(b"")
        await stream.half_close()
    return await stream.receive()


@pytest.mark.usefixtures("one_event_loop")
async def test_an_error_that_is_kept_holds_no_call_of_grpcs(etcd: EtcdServer) -> None:
    upstream = GrpcUpstream(parse_targets(etcd.endpoint), QUICK)
    with pytest.raises(UpstreamError) as caught:
        await upstream.unary(RANGE, b"", [], None)
    assert caught.value.__context__ is caught.value.__cause__ is None
    stream = upstream.server_stream(RANGE, b"", [], None)
    with pytest.raises(UpstreamError) as also:
        await stream.receive()
    assert also.value.__context__ is also.value.__cause__ is None
    for one in (caught, also):
        frames = [frame.f_locals for frame, _ in walk(one.value.__traceback__)]
        ours = [value for held in frames for value in held.values()]
        assert not [one for one in ours if type(one).__module__.startswith("grpc.aio")]
    await upstream.aclose()


def walk(traceback: Any) -> list[Any]:
    frames = []
    while traceback is not None:
        frames.append((traceback.tb_frame, traceback.tb_lineno))
        traceback = traceback.tb_next
    return frames


@pytest.mark.usefixtures("one_event_loop")
async def test_a_stream_that_has_failed_says_so_again_with_a_traceback_of_the_same_length(
    etcd: EtcdServer,
) -> None:
    upstream = GrpcUpstream(parse_targets(etcd.endpoint), QUICK)
    stream, lengths = upstream.server_stream(RANGE, b"", [], None), set()
    for _ in range(5):
        with pytest.raises(UpstreamError) as caught:
            await stream.receive()
        lengths.add(len(walk(caught.value.__traceback__)))
    assert len(lengths) == 1
    await upstream.aclose()


@pytest.mark.usefixtures("one_event_loop")
async def test_closing_leaves_no_task_and_no_thread(etcd: EtcdServer) -> None:
    tasks, threads = asyncio.all_tasks(), threading.active_count()
    upstream = GrpcUpstream(parse_targets(etcd.endpoint), QUICK)
    assert await upstream.unary("/etcdserverpb.Maintenance/Status", b"", [], None)
    watch = upstream.bidi(WATCH, [], None)
    watch.cancel()
    await upstream.aclose()
    with anyio.fail_after(20):
        while asyncio.all_tasks() - tasks:  # noqa: ASYNC110 - they tell nobody
            await asyncio.sleep(0.01)
    assert threading.active_count() <= threads + 1  # gRPC's own, which it keeps for a later channel


def modules() -> list[ModuleType]:
    """All of the package that can be imported here."""
    names = [one.name for one in pkgutil.walk_packages(etcd_asgi.__path__, "etcd_asgi.")]
    found = []
    for name in names:
        try:
            found.append(importlib.import_module(name))
        except ImportError:  # of a framework that is not installed
            continue
    return found


def test_no_exception_is_kept_in_a_module_or_a_class() -> None:
    """One that is raised again and again grows a traceback, with frames and all that they hold."""
    holders: list[Any] = modules()
    assert len(holders) > 80
    holders += [
        one
        for module in holders
        for one in vars(module).values()
        if isinstance(one, type) and one.__module__.startswith("etcd_asgi")
    ]
    kept = [
        f"{holder.__name__}.{name}"
        for holder in holders
        for name, value in vars(holder).items()
        if isinstance(value, BaseException)
    ]
    assert kept == []
