"""Calls over grpcio to a real etcd."""

import asyncio
import gc
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import grpc.aio
import pytest

from etcd_asgi import Limits, UpstreamError
from etcd_asgi.errors import CLOSING, GatewayClosing
from etcd_asgi.testing import EtcdServer
from etcd_asgi.upstream import GrpcUpstream, parse_targets
from etcd_asgi.upstream.failover import UNREACHABLE, Failover
from tests.conftest import StartEtcd

STATUS = "/etcdserverpb.Maintenance/Status"
LOCK = "/v3lockpb.Lock/Lock"
RANGE = "/etcdserverpb.KV/Range"


def upstream_to(url: str | list[str], **limits: float) -> GrpcUpstream:
    return GrpcUpstream(parse_targets(url), Limits(**limits))  # type: ignore[arg-type]


async def ask(upstream: GrpcUpstream, timeout: float | None = None) -> bytes:
    return await upstream.unary(STATUS, b"", [], timeout)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_one_upstream_serves_one_event_loop_after_another(etcd: EtcdServer) -> None:
    upstream = upstream_to(etcd.endpoint)
    for _ in range(3):
        assert asyncio.run(ask(upstream))
        gc.collect()


async def test_nobody_there_is_code_14() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    upstream = upstream_to(f"http://127.0.0.1:{port}", restart_time=0.1)
    for _ in range(2):
        with pytest.raises(UpstreamError) as caught:
            await ask(upstream)
        assert (caught.value.code, caught.value.message) == (14, UNREACHABLE)


async def test_calls_wait_for_an_etcd_that_is_restarted(start_etcd: StartEtcd) -> None:
    etcd = start_etcd()
    upstream = upstream_to(etcd.endpoint, restart_time=60)
    assert await ask(upstream)
    etcd.kill()
    with pytest.raises(UpstreamError):  # it may have left before the kill was known
        await ask(upstream, 0.2)
    calls = [asyncio.create_task(ask(upstream)) for _ in range(3)]
    await anyio.wait_all_tasks_blocked()
    await anyio.to_thread.run_sync(etcd.start)
    with anyio.fail_after(60):
        assert all(await asyncio.gather(*calls))
    assert await ask(upstream)


async def test_a_deadline_ends_the_wait_for_an_etcd_that_is_gone(start_etcd: StartEtcd) -> None:
    etcd = start_etcd()
    upstream = upstream_to(etcd.endpoint, restart_time=600)
    assert await ask(upstream)
    etcd.kill()
    with anyio.fail_after(60), pytest.raises(UpstreamError) as caught:
        await ask(upstream, 0.2)
    assert caught.value.code in (4, 14)


async def test_a_call_that_has_waited_for_etcd_has_less_time_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[float] = []

    async def call(_request: bytes, *, timeout: float, metadata: object) -> bytes:
        given.append(timeout)
        none, text = grpc.aio.Metadata(), "failed to connect to all addresses"
        raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, none, none, text)

    async def is_back(*_: object) -> bool:
        await asyncio.sleep(0.5)
        return True

    monkeypatch.setattr("etcd_asgi.upstream.grpcio.connection._unary", lambda *_: call)
    monkeypatch.setattr(Failover, "may_call_again", is_back)
    with pytest.raises(UpstreamError):
        await ask(upstream_to("http://127.0.0.1:1"), 60)
    first, second = given
    assert second < first - 0.4


async def test_closing_ends_the_wait_for_an_etcd_that_is_gone(start_etcd: StartEtcd) -> None:
    etcd = start_etcd()
    upstream = upstream_to(etcd.endpoint, restart_time=600)
    assert await ask(upstream)
    etcd.kill()
    waiting = asyncio.create_task(ask(upstream))
    await anyio.wait_all_tasks_blocked()
    with anyio.fail_after(60):
        await upstream.aclose()
        with pytest.raises(UpstreamError) as caught:
            await waiting
    assert caught.value.code == 14


async def test_an_etcd_that_says_nothing_is_code_14_when_the_time_to_connect_is_over(
    silent_port: int,
) -> None:
    upstream = upstream_to(f"http://127.0.0.1:{silent_port}", connect_timeout=1)
    with anyio.fail_after(20), pytest.raises(UpstreamError) as caught:
        await ask(upstream)
    assert (caught.value.code, caught.value.message) == (14, UNREACHABLE)


async def test_an_etcd_that_falls_silent_is_code_14_when_it_does_not_answer_a_ping(
    start_etcd: StartEtcd,
) -> None:
    """gRPC has a time of its own for pings too, a minute, which was longer than a client's."""
    server = start_etcd()
    upstream = upstream_to(server.endpoint, keepalive_time=6, keepalive_timeout=1)
    await ask(upstream)
    server.pause()
    with anyio.fail_after(40), pytest.raises(UpstreamError) as caught:
        await ask(upstream)
    server.resume()
    assert caught.value.code == 14
    await upstream.aclose()


async def test_the_deadline_ends_a_call_that_waits(etcd: EtcdServer) -> None:
    upstream = upstream_to(etcd.endpoint)
    holder = await upstream.unary(LOCK, b"\n\x08deadline", [], None)
    assert holder
    with anyio.fail_after(20), pytest.raises(UpstreamError) as caught:
        await upstream.unary(LOCK, b"\n\x08deadline", [], 0.2)
    assert (caught.value.code, caught.value.message) == (4, "context deadline exceeded")


@pytest.mark.usefixtures("one_event_loop")
async def test_closing_ends_a_call_that_waits_with_an_error(etcd: EtcdServer) -> None:
    upstream = upstream_to(etcd.endpoint, close_timeout=0.01)
    assert await upstream.unary(LOCK, b"\n\x07closing", [], None)
    waiting = asyncio.create_task(upstream.unary(LOCK, b"\n\x07closing", [], None))
    await anyio.wait_all_tasks_blocked()
    with anyio.fail_after(20):
        await upstream.aclose()
        with pytest.raises(GatewayClosing) as caught:
            await waiting
    assert (caught.value.code, caught.value.message) == (14, CLOSING)


async def test_a_deadline_that_is_over_needs_no_etcd() -> None:
    with pytest.raises(UpstreamError) as caught:
        await ask(upstream_to("http://127.0.0.1:1"), timeout=-1.0)
    assert (caught.value.code, caught.value.message) == (4, "context deadline exceeded")


async def test_what_etcd_says_is_passed_on(etcd: EtcdServer) -> None:
    with pytest.raises(UpstreamError) as caught:
        await upstream_to(etcd.endpoint).unary(RANGE, b"", [], None)
    assert (caught.value.code, caught.value.message) == (3, "etcdserver: key is not provided")


async def test_with_several_hosts_the_next_is_used_when_one_fails(etcd: EtcdServer) -> None:
    port = etcd.client_port
    upstream = upstream_to(["http://localhost:1", f"http://localhost:{port}"])
    for _ in range(2):
        assert await ask(upstream)


async def test_with_several_addresses_one_that_answers_is_enough(etcd: EtcdServer) -> None:
    upstream = upstream_to(["http://127.0.0.1:1", etcd.endpoint])
    with anyio.fail_after(20):
        for _ in range(3):
            assert await ask(upstream)


async def test_after_closing_a_call_opens_anew(etcd: EtcdServer) -> None:
    upstream = upstream_to(etcd.endpoint)
    await upstream.aclose()
    assert await ask(upstream)
    await upstream.aclose()
    await upstream.aclose()
    assert await ask(upstream)


FORK = """
import asyncio, os, sys
from etcd_asgi import Limits, UpstreamError
from etcd_asgi.upstream import GrpcUpstream, parse_targets

upstream = GrpcUpstream(parse_targets(sys.argv[1]), Limits())

async def ask(close):
    await upstream.unary("/etcdserverpb.Maintenance/Status", b"", [], 5)
    if close:
        await upstream.aclose()

if sys.argv[2] != "unused":
    asyncio.run(ask(close=sys.argv[2] == "closed"))
if os.fork() == 0:
    try:
        asyncio.run(asyncio.wait_for(ask(close=False), 20))
        os.write(1, b"answered")
    except UpstreamError as error:
        os.write(1, error.message.encode())
    finally:
        os._exit(0)
os.wait()
asyncio.run(ask(close=True))
os.write(1, b" and parent too")
"""


@pytest.mark.parametrize(
    ("before", "child"),
    [
        pytest.param("unused", "answered", id="made before the fork"),
        pytest.param("closed", "answered", id="used and closed before the fork"),
        pytest.param("open", "this process was forked after", id="left open by the parent"),
    ],
)
def test_a_forked_process_connects_for_itself_or_says_why_not(
    etcd: EtcdServer, before: str, child: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORK, etcd.endpoint, before],
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    told = done.stdout.decode()
    assert told.startswith(child)
    assert told.endswith(" and parent too")


def test_importing_and_making_a_gateway_opens_nothing() -> None:
    program = """
import os, threading, grpc.aio
before = set(os.listdir("/proc/self/fd")), set(os.listdir("/proc/self/task"))
from etcd_asgi import Gateway
gateway = Gateway("http://127.0.0.1:2379")
after = set(os.listdir("/proc/self/fd")), set(os.listdir("/proc/self/task"))
assert before == after, (before, after)
assert threading.active_count() == 1
"""
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc")
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
