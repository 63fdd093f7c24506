"""Unary calls: from JSON and from a message, with a guard and without, it is the same call."""

import json
from typing import Any

import pytest
from google.protobuf.message import Message

from etcd_asgi import Denied, Limits, UpstreamError
from etcd_asgi.calls.bindings import bindings
from etcd_asgi.calls.call import Call
from etcd_asgi.calls.large_response import LargeResponse
from etcd_asgi.calls.method import Method
from etcd_asgi.calls.shared_state import SharedState
from etcd_asgi.calls.unary import unary, unary_message
from etcd_asgi.etcd import proto
from etcd_asgi.flavours import flavour
from etcd_asgi.testing import FakeUpstream

BINDING = next(one for one in bindings() if one.name == "KV.Range")
REQUEST = proto.message_class(BINDING.request)
REPLY = proto.message_class(BINDING.response)
BODY = b'{"key":"YQ=="}'


class Noting:
    """A guard that puts every key under ``p/``, and notes what it is asked."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self._refusal = refusal
        self.notes: list[Any] = []

    async def admit(self, message: Any) -> None:
        if self._refusal is not None:
            raise self._refusal
        message.key = b"p/" + message.key
        self.notes.append("admit")

    def release(self, message: Any) -> None:
        for kv in message.kvs:
            kv.key = kv.key.removeprefix(b"p/")
        self.notes.append("release")

    def session(self, message: Message) -> None:
        raise AssertionError(f"no lease is needed for {message}")

    def failed(self, error: UpstreamError) -> UpstreamError:
        return UpstreamError(error.code, f"meant: {error.message}")

    def finished(self, code: int, reply: Message | None = None) -> None:
        self.notes.append((code, reply is not None))

    def close(self) -> None:
        self.notes.append("close")


def range_call(upstream: FakeUpstream, guard: Noting | None = None) -> Call:
    method = Method(BINDING, flavour("3.6"), Limits(), upstream, SharedState(Limits()))
    return Call(method, method.transcoder(), Limits(), upstream, [], guard=guard)


def etcd_with(value: bytes) -> FakeUpstream:
    """An etcd that gives any one key with this value."""
    upstream = FakeUpstream()

    async def give(call: Any) -> None:
        asked: Any = REQUEST.FromString(await call.receive())
        call.send(REPLY(count=1, kvs=[{"key": asked.key, "value": value}]))

    upstream.handle(BINDING.rpc, give)
    return upstream


@pytest.mark.parametrize("size", [10, 2_000_000], ids=["small", "large"])
@pytest.mark.parametrize("guarded", [False, True], ids=["open", "guarded"])
async def test_json_and_a_message_make_the_same_call(size: int, guarded: bool) -> None:
    upstream, guards = etcd_with(bytes(size)), [Noting(), Noting()]
    first, second = (range_call(upstream, guard if guarded else None) for guard in guards)
    response = await unary(first, BODY)
    text = b"".join(response.take()) if isinstance(response, LargeResponse) else response
    if isinstance(response, LargeResponse):
        response.close()
    reply: Any = await unary_message(second, REQUEST(key=b"a"))
    assert first.transcoder.write(reply) == text
    assert json.loads(text)["kvs"][0]["key"] == "YQ=="
    assert (reply.kvs[0].key, len(reply.kvs[0].value)) == (b"a", size)
    assert all(not one.method.shared.budget.held for one in (first, second))
    for guard in guards:
        assert guard.notes[:2] == (["admit", (0, True)] if guarded else [])
        assert ("release" in guard.notes) == guarded


@pytest.mark.parametrize("given", [BODY, REQUEST(key=b"a")], ids=["json", "message"])
async def test_a_guard_hears_how_a_call_failed(given: Any) -> None:
    upstream = FakeUpstream()
    upstream.fail(BINDING.rpc, 5, "etcdserver: not there")
    guard = Noting()
    with pytest.raises(UpstreamError, match="meant: etcdserver: not there"):
        await made(range_call(upstream, guard), given)
    assert guard.notes == ["admit", (5, False)]


@pytest.mark.parametrize("given", [BODY, REQUEST(key=b"a")], ids=["json", "message"])
async def test_what_a_guard_refuses_is_not_sent(given: Any) -> None:
    guard = Noting(Denied(403, "not yours"))
    with pytest.raises(Denied, match="not yours"):
        await made(range_call(FakeUpstream(), guard), given)
    assert guard.notes == [(7, False)]


async def made(call: Call, given: Any) -> object:
    return await (unary(call, given) if isinstance(given, bytes) else unary_message(call, given))
