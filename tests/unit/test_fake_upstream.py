"""The upstream in memory, as tests of hosts use it."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest

from etcd_asgi import Upstream, UpstreamError
from etcd_asgi.etcd import proto
from etcd_asgi.testing import FakeCall, FakeUpstream
from etcd_asgi.testing.upstream import Message

RANGE, WATCH = "/etcdserverpb.KV/Range", "/etcdserverpb.Watch/Watch"


def message(**fields: Any) -> Any:
    return proto.message_class(proto.message_type("etcdserverpb.RangeResponse"))(**fields)


@pytest.mark.parametrize("reply", [b"\x20\x07", message(count=7)])
async def test_a_call_gets_the_reply_and_is_noted(reply: Message) -> None:
    fake = FakeUpstream()
    upstream: Upstream = fake
    fake.reply(RANGE, reply)
    assert await upstream.unary(RANGE, b"asked", [("a", "b")], 5) == b"\x20\x07"
    (call,) = fake.calls
    assert (call.rpc, call.requests, call.metadata) == (RANGE, [b"asked"], [("a", "b")])
    assert (call.timeout, call.cancelled) == (5, False)


async def test_a_failure_is_a_new_error_for_each_call() -> None:
    fake = FakeUpstream()
    fake.fail(RANGE, 14, "etcd is not reachable", local=True)
    caught = []
    for _ in range(2):
        with pytest.raises(UpstreamError) as error:
            await fake.unary(RANGE, b"", [], None)
        caught.append(error.value)
    assert caught[0] is not caught[1]
    assert {(error.code, error.message, error.local) for error in caught} == {
        (14, "etcd is not reachable", True)
    }


async def test_what_nothing_was_said_of_fails_with_code_12() -> None:
    with pytest.raises(UpstreamError, match=RANGE) as caught:
        await FakeUpstream().unary(RANGE, b"", [], None)
    assert caught.value.code == 12
    with pytest.raises(UpstreamError, match=WATCH):
        await FakeUpstream().bidi(WATCH, [], None).receive()


@pytest.mark.parametrize("kind", ["unary", "stream"])
async def test_a_deadline_ends_a_call(kind: str) -> None:
    fake = FakeUpstream()
    fake.reply(RANGE, stays_open=True)
    with anyio.fail_after(30), pytest.raises(UpstreamError) as caught:
        if kind == "unary":
            await fake.unary(RANGE, b"", [], 0.01)
        else:
            await fake.server_stream(RANGE, b"", [], 0.01).receive()
    assert caught.value.args == (4, "context deadline exceeded")


async def test_an_error_of_the_handler_is_not_taken_for_a_deadline() -> None:
    async def handler(_call: FakeCall) -> None:
        raise TimeoutError("as it is")

    fake = FakeUpstream()
    fake.handle(RANGE, handler)
    with pytest.raises(TimeoutError, match="as it is"):
        await fake.unary(RANGE, b"", [], 5)
    with pytest.raises(TimeoutError, match="as it is"):
        await fake.bidi(RANGE, [], 5).receive()


async def test_a_stream_gets_its_messages_and_ends() -> None:
    fake = FakeUpstream()
    fake.reply(WATCH, b"one", message(count=1))
    stream = fake.server_stream(WATCH, b"asked", [], None)
    assert [await stream.receive() for _ in range(4)] == [b"one", b"\x20\x01", None, None]
    assert not await stream.send(b"too late")
    assert fake.calls[0].requests == [b"asked"]


async def test_a_handler_talks_with_a_stream() -> None:
    async def handler(call: FakeCall) -> None:
        while (request := await call.receive()) is not None:
            call.send(request.upper())
        assert await call.receive() is None
        raise UpstreamError(9, "etcdserver: enough")

    fake = FakeUpstream()
    fake.handle(WATCH, handler)
    stream = fake.bidi(WATCH, [], None)
    for word in (b"a", b"b"):
        assert await stream.send(word)
        assert await stream.receive() == word.upper()
    await stream.half_close()
    for _ in range(2):
        with pytest.raises(UpstreamError) as caught:
            await stream.receive()
        assert caught.value.args == (9, "etcdserver: enough")
    assert fake.calls[0].requests == [b"a", b"b"]


@pytest.mark.parametrize("ends", ["cancel", "aclose", "receiver"])
async def test_a_stream_that_stays_open_ends_when_it_is_cancelled(ends: str) -> None:
    fake = FakeUpstream()
    fake.reply(WATCH, b"created", stays_open=True)
    stream = fake.bidi(WATCH, [], None)
    assert await stream.receive() == b"created"
    receiving = asyncio.create_task(stream.receive())
    await anyio.wait_all_tasks_blocked()
    assert not receiving.done()
    if ends == "receiver":
        receiving.cancel()
        await asyncio.wait({receiving})
        assert receiving.cancelled()
    else:
        stream.cancel() if ends == "cancel" else await fake.aclose()
        with pytest.raises(UpstreamError) as caught:
            await receiving
        assert caught.value.args == (1, "context canceled")
    assert fake.calls[0].cancelled
    with pytest.raises(UpstreamError):
        await stream.receive()


async def test_a_unary_call_that_is_cancelled_is_noted() -> None:
    fake = FakeUpstream()
    fake.reply(RANGE, stays_open=True)
    task = asyncio.create_task(fake.unary(RANGE, b"", [], None))
    await anyio.wait_all_tasks_blocked()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert fake.calls[0].cancelled
