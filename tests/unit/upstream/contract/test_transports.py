"""What every transport does: see the protocols in ``etcd_asgi/upstream/transport.py``."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import anyio
import grpc
import pytest

from etcd_asgi.errors import CLOSING, too_long
from etcd_asgi.upstream.grpcio.transport import GrpcTransport
from etcd_asgi.upstream.transport import (
    Connection,
    Transport,
    TransportError,
    TransportStream,
    UnaryCall,
)
from tests.unit.upstream.contract.scenes import LIMITS, Scene
from tests.unit.upstream.contract.service import (
    ECHO,
    FAIL,
    METADATA,
    ONE,
    SEEN,
    SIZED,
    TIMEOUT,
    WAIT,
)

MIB = 1024 * 1024
NAMES = count()
IS_OLD_GRPCIO = tuple(map(int, grpc.__version__.split(".")[:2])) < (1, 60)


@pytest.fixture
async def connection(scene: Scene) -> AsyncIterator[Connection]:
    opened = scene.transport.open(scene.target, None, for_streams=False)
    yield opened
    await opened.close()


async def result(call: UnaryCall) -> bytes:
    """Await *call*; raise what the transport says of a failure."""
    try:
        async with asyncio.timeout(30):
            return await call
    except (Exception, asyncio.CancelledError) as error:
        failure = call.failure(error)
        if failure is None:
            raise
    raise failure


async def ask(
    connection: Connection, rpc: str, request: bytes = b"", timeout: float | None = None
) -> bytes:
    return await result(connection.unary(rpc, request, [], timeout))


async def failure_of(call: UnaryCall | TransportStream) -> TransportError:
    """What *call* fails with."""
    with pytest.raises(TransportError) as caught:
        if hasattr(call, "receive"):
            async with asyncio.timeout(30):
                while await call.receive() is not None:
                    pass
        else:
            await result(call)
    return caught.value


def begin(
    connection: Connection, kind: str, rpc: str, request: bytes, timeout: float | None = None
) -> UnaryCall | TransportStream:
    """A call of any kind."""
    if kind == "unary":
        return connection.unary(rpc, request, [], timeout)
    return connection.stream(rpc, request, [], timeout)


KINDS = pytest.mark.parametrize("kind", ["unary", "stream"])


async def test_a_call_gets_its_response(connection: Connection) -> None:
    assert await ask(connection, ECHO, b"hello") == b"hello"
    assert await ask(connection, ECHO) == b""


@KINDS
@pytest.mark.parametrize("code", [2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])
async def test_etcds_errors_arrive_with_code_and_text(
    connection: Connection, kind: str, code: int
) -> None:
    text = "etcdserver: w\xf6rds, 100%"
    error = await failure_of(begin(connection, kind, FAIL, f"{code} {text}".encode()))
    assert (error.code, error.text) == (code, text)
    assert (error.sent, error.unreachable, error.local) == (True, False, False)


@KINDS
async def test_an_rpc_that_etcd_has_not_is_code_12(connection: Connection, kind: str) -> None:
    error = await failure_of(begin(connection, kind, "/contract.Service/None", b""))
    assert (error.code, error.sent, error.unreachable) == (12, True, False)


async def test_metadata_go_up_in_order_and_binary(connection: Connection) -> None:
    metadata: list[tuple[str, str | bytes]] = [
        ("x-a", "1"), ("grpcgateway-accept", "*/*"), ("x-b-bin", b"\0\xff"), ("x-a", "2"),
        ("x-c", ""),
    ]  # fmt: skip
    sent = [pair for pair in metadata if pair[0].startswith("x-")]
    for _ in range(2):
        seen = await result(connection.unary(METADATA, b"", metadata, None))
        assert seen.decode() == repr(sent)
    stream = connection.stream(METADATA, b"", metadata, None)
    assert await stream.receive() == repr(sent).encode()
    assert await stream.receive() is None
    assert len(metadata) == 5


async def test_a_deadline_goes_up(connection: Connection) -> None:
    assert await ask(connection, TIMEOUT, b"", 60) == b"True"
    assert await ask(connection, TIMEOUT) == b"False"
    stream = connection.stream(TIMEOUT, b"", [], 60)
    assert await stream.receive() == b"True"
    stream.cancel()


@KINDS
async def test_a_deadline_ends_a_call(connection: Connection, kind: str) -> None:
    await ask(connection, ECHO)
    error = await failure_of(begin(connection, kind, WAIT, b"deadline", 0.2))
    assert (error.code, error.text) == (4, "context deadline exceeded")
    assert (error.sent, error.unreachable, error.local) == (True, False, True)


def new_name() -> bytes:
    """A name for a call that waits: see ``begun`` and ``cancelled``."""
    return f"{next(NAMES)} {os.getpid()}".encode()


async def begun(connection: Connection, name: bytes) -> None:
    assert await ask(connection, SEEN, b"begun " + name) == b"seen"


async def cancelled(connection: Connection, name: bytes) -> None:
    """Wait until etcd knows that the call with this name was cancelled."""
    assert await ask(connection, SEEN, b"cancelled " + name) == b"seen"


@pytest.mark.parametrize(("told", "args"), [(None, ()), ("scope 7", ("scope 7",))])
async def test_cancelling_the_task_cancels_the_call(
    connection: Connection, told: str | None, args: tuple[str, ...]
) -> None:
    name = new_name()
    call = connection.unary(WAIT, name, [], None)

    async def wait() -> bytes:
        return await call

    task = asyncio.create_task(wait())
    await begun(connection, name)
    task.cancel(told)
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert caught.value.args == args
    assert call.failure(caught.value) is None
    await cancelled(connection, name)


async def test_ending_a_call_fails_it_as_the_gateway_closes(connection: Connection) -> None:
    name = new_name()
    call = connection.unary(WAIT, name, [], None)
    task = asyncio.create_task(failure_of(call))
    await begun(connection, name)
    call.end()
    error = await task
    assert (error.code, error.text, error.local) == (14, CLOSING, True)
    assert (error.sent, error.unreachable) == (True, False)
    await cancelled(connection, name)


async def test_a_stream_goes_both_ways_and_ends_when_both_have_said_so(
    connection: Connection,
) -> None:
    stream = connection.stream(ECHO, None, [], None)
    with anyio.fail_after(30):
        for number in range(20):
            assert await stream.send(b"%d" % number)
        for number in range(20):
            assert await stream.receive() == b"%d" % number
        assert await stream.send(b"")
        assert await stream.receive() == b""
        await stream.half_close()
        assert await stream.receive() is None


async def test_a_stream_with_one_request_is_half_closed(connection: Connection) -> None:
    stream = connection.stream(ECHO, b"alone", [], None)
    with anyio.fail_after(30):
        assert await stream.receive() == b"alone"
        assert await stream.receive() is None


async def test_messages_before_an_error_are_received(connection: Connection) -> None:
    name = new_name()
    stream = connection.stream(ONE, name, [], 0.5)
    assert await stream.receive() == b"one"
    assert (await failure_of(stream)).code == 4


async def test_a_stream_that_has_ended_takes_no_message(connection: Connection) -> None:
    stream = connection.stream(FAIL, None, [], None)
    assert await stream.send(b"5 etcdserver: over")
    error = await failure_of(stream)
    assert (error.code, error.text) == (5, "etcdserver: over")
    with anyio.fail_after(30):
        assert not await stream.send(b"more")
        await stream.half_close()


async def test_cancelling_a_stream_ends_it_at_once(connection: Connection) -> None:
    name = new_name()
    stream = connection.stream(WAIT, name, [], None)
    await begun(connection, name)
    receiving = asyncio.create_task(failure_of(stream))
    await anyio.wait_all_tasks_blocked()
    stream.cancel()
    error = await receiving
    assert (error.code, error.text, error.unreachable) == (1, "context canceled", False)
    await cancelled(connection, name)


async def test_cancelling_the_receiver_ends_a_stream(connection: Connection) -> None:
    name = new_name()
    stream = connection.stream(WAIT, name, [], None)
    await begun(connection, name)
    receiving = asyncio.ensure_future(stream.receive())
    await anyio.wait_all_tasks_blocked()
    receiving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await receiving
    await cancelled(connection, name)


async def test_large_messages_go_both_ways(connection: Connection) -> None:
    large = os.urandom(3 * MIB)
    assert await ask(connection, ECHO, large) == large
    stream = connection.stream(ECHO, None, [], None)
    with anyio.fail_after(60):
        for _ in range(3):
            assert await stream.send(large)
            assert await stream.receive() == large
    stream.cancel()


@KINDS
async def test_a_message_over_the_limit_is_an_error_of_ours(
    connection: Connection, kind: str
) -> None:
    limit = LIMITS.max_answer_bytes
    assert len(await ask(connection, SIZED, b"%d" % limit)) == limit
    error = await failure_of(begin(connection, kind, SIZED, b"%d" % (limit + 1)))
    assert (error.code, error.text) == (8, too_long(limit + 1, limit).message)
    assert (error.sent, error.unreachable, error.local) == (True, False, True)


@KINDS
async def test_where_nobody_is_nothing_was_sent(scene: Scene, kind: str) -> None:
    connection = scene.transport.open(scene.nowhere, None, for_streams=False)
    error = await failure_of(begin(connection, kind, ECHO, b""))
    assert (error.code, error.sent, error.unreachable) == (14, False, True)
    assert not await connection.connect()
    await connection.close()


@KINDS
async def test_a_connection_lost_on_the_way_may_have_brought_the_request(
    scene: Scene, connection: Connection, kind: str
) -> None:
    name = new_name()
    call = begin(connection, kind, WAIT, name)
    task = asyncio.create_task(failure_of(call))
    await begun(connection, name)
    scene.lose()
    error = await task
    assert (error.code, error.sent, error.unreachable) == (14, True, True)
    with anyio.fail_after(30):
        while not await is_back(connection):
            pass


async def is_back(connection: Connection) -> bool:
    """Whether a call can be made. A transport may take a moment to notice what a call has."""
    if not await connection.connect():
        return False
    try:
        return await ask(connection, ECHO, b"back") == b"back"
    except TransportError as error:
        if not error.unreachable:
            raise
        return False


async def test_an_unused_connection_connects_when_asked_to(connection: Connection) -> None:
    with anyio.fail_after(30):
        while not await connection.connect():
            pass


async def test_closing_a_connection_ends_its_streams(scene: Scene, connection: Connection) -> None:
    if IS_OLD_GRPCIO and isinstance(scene.transport, GrpcTransport):
        pytest.skip("closing a channel does not end a read in this grpcio; the pool ends the calls")
    other = scene.transport.open(scene.target, None, for_streams=True)
    name = new_name()
    stream = other.stream(WAIT, name, [], None)
    await begun(other, name)
    receiving = asyncio.create_task(failure_of(stream))
    await anyio.wait_all_tasks_blocked()
    await other.close()
    error = await receiving
    assert (error.code, error.unreachable) == (1, False)
    await cancelled(connection, name)


async def test_an_error_that_is_kept_keeps_no_other(connection: Connection) -> None:
    """The errors of a library may hold its calls, and so connections."""
    for kind in ("unary", "stream"):
        error = await failure_of(begin(connection, kind, FAIL, b"5 etcdserver: kept"))
        assert error.__context__ is error.__cause__ is None


SCRIPT = """
import asyncio, os, sys
from tests.unit.upstream.contract.scenes import SCENES, target_of
from tests.unit.upstream.contract.service import ECHO

scene_of, port = SCENES[sys.argv[1]], int(sys.argv[2])

async def make():
    async with scene_of(port) as scene:
        return scene.transport

async def call():
    async with asyncio.timeout(30):
        return await connection.unary(ECHO, b"answered", [], None)

async def ask():
    global connection
    connection = transport.open(target_of(port), None, for_streams=False)
    reply = await call()
    await connection.close()
    return reply

transport = asyncio.run(make())
"""
FORK = """
if os.fork() == 0:
    try:
        os.write(1, asyncio.run(ask()))
    finally:
        os._exit(0)
os.wait()
os.write(1, b" and " + asyncio.run(ask()))
"""
LOOPS = """
os.write(1, b" and ".join(asyncio.run(ask()) for _ in range(3)))
"""


def test_a_transport_made_before_a_fork_serves_both_processes(
    transport_name: str, grpc_port: int
) -> None:
    assert run(FORK, transport_name, grpc_port) == "answered and answered"


def test_a_transport_serves_one_event_loop_after_another(
    transport_name: str, grpc_port: int
) -> None:
    assert run(LOOPS, transport_name, grpc_port) == " and ".join(["answered"] * 3)


def run(program: str, name: str, port: int) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT + program, name, str(port)],
        capture_output=True, timeout=60, check=True, cwd=Path(__file__).parents[4],
    )  # fmt: skip
    return done.stdout.decode()


async def test_a_transport_says_whether_it_survives_a_fork(scene: Scene) -> None:
    transport: Transport = scene.transport
    assert transport.fork_error is None or "fork" in transport.fork_error
