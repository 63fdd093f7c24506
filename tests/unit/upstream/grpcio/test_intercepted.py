"""Interceptors that tracing and error tools put into every channel of the process."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import grpc.aio
import pytest

from etcd_asgi import Limits
from etcd_asgi.etcd import proto
from etcd_asgi.testing import EtcdServer
from etcd_asgi.upstream import GrpcUpstream, parse_targets

LOCK, RANGE, WATCH = "/v3lockpb.Lock/Lock", "/etcdserverpb.KV/Range", "/etcdserverpb.Watch/Watch"
OBSERVE = "/v3electionpb.Election/Observe"
CAMPAIGN = "/v3electionpb.Election/Campaign"

pytestmark = pytest.mark.usefixtures("one_event_loop")


def request(kind: str, /, **fields: Any) -> bytes:
    return proto.message_class(proto.message_type(kind))(**fields).SerializeToString()


class _Tool:
    """A tool that changes the details of calls."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def changed(self, details: Any) -> Any:
        return details

    async def intercept(self, continuation: Any, details: Any, request: Any) -> Any:
        self.seen.append(str(details.method))
        return await continuation(self.changed(details), request)

    def interceptors(self) -> list[grpc.aio.ClientInterceptor]:
        """One for each kind of call: gRPC takes an object for one kind alone."""
        kinds = {
            "intercept_unary_unary": grpc.aio.UnaryUnaryClientInterceptor,
            "intercept_unary_stream": grpc.aio.UnaryStreamClientInterceptor,
            "intercept_stream_stream": grpc.aio.StreamStreamClientInterceptor,
        }
        return [
            type(name, (kind,), {name: staticmethod(self.intercept)})()
            for name, kind in kinds.items()
        ]


class Adds(_Tool):
    """Sentry's way: ``metadata.add`` in place."""

    def changed(self, details: Any) -> Any:
        details.metadata.add("sentry-trace", "1")
        return details


class Copies(_Tool):
    """OpenTelemetry's way: an ordered dict of what is there, and a tuple in its place."""

    def changed(self, details: Any) -> Any:
        carrier = OrderedDict(tuple(details.metadata or ()))  # 1.49 makes no dict of its own class
        carrier["traceparent"] = "1"
        return details._replace(metadata=tuple(carrier.items()))


class Sums(_Tool):
    """Datadog's way: a sum with headers of its own."""

    def changed(self, details: Any) -> Any:
        more = grpc.aio.Metadata(("x-datadog-trace-id", "1"))
        return details._replace(metadata=(details.metadata or grpc.aio.Metadata()) + more)


class Sets(_Tool):
    """The way of a dictionary."""

    def changed(self, details: Any) -> Any:
        details.metadata["x-trace"] = details.metadata.get("none", "1")
        assert "x-trace" in details.metadata
        return details


class Waits(_Tool):
    """OpenTelemetry and ddtrace wait for the code of the call that they have started."""

    async def intercept(self, continuation: Any, details: Any, request: Any) -> Any:
        call = await continuation(details, request)
        if isinstance(call, grpc.aio.UnaryUnaryCall):
            await call.code()
        return call


TOOLS = (Adds, Copies, Sums, Sets)
Traced = Callable[..., GrpcUpstream]


@pytest.fixture
async def traced(monkeypatch: pytest.MonkeyPatch, etcd: EtcdServer) -> AsyncIterator[Traced]:
    """``traced(tool, ...)``: an upstream in a process with these tools."""
    real, made = grpc.aio.insecure_channel, []

    def upstream(*tools: _Tool) -> GrpcUpstream:
        all_of_them = [each for tool in tools for each in tool.interceptors()]

        def patched(*args: Any, **options: Any) -> grpc.aio.Channel:
            return real(*args, **{**options, "interceptors": all_of_them})

        monkeypatch.setattr(grpc.aio, "insecure_channel", patched)
        made.append(GrpcUpstream(parse_targets(etcd.endpoint), Limits(close_timeout=0.01)))
        return made[-1]

    yield upstream
    for one in made:
        await one.aclose()


@pytest.mark.parametrize("kind", TOOLS)
async def test_a_unary_call_is_made_with_what_a_tool_adds(
    traced: Traced, kind: type[_Tool]
) -> None:
    tool = kind()
    upstream = traced(Adds(), tool)
    metadata: list[tuple[str, str | bytes]] = [("grpcgateway-accept", "*/*")]
    for _ in range(2):
        assert await upstream.unary(RANGE, b"\n\x01k", metadata, 20)
    assert len(tool.seen) == 2
    assert metadata == [("grpcgateway-accept", "*/*")]


@pytest.mark.parametrize("kind", TOOLS)
async def test_a_watch_is_made_with_what_a_tool_adds(traced: Traced, kind: type[_Tool]) -> None:
    tool = kind()
    watch = traced(tool).bidi(WATCH, [("grpcgateway-accept", "*/*")], None)
    with anyio.fail_after(20):
        assert await watch.send(request("etcdserverpb.WatchRequest", create_request={"key": b"k"}))
        assert await watch.receive()
    watch.cancel()
    assert tool.seen


@pytest.mark.parametrize("kind", TOOLS)
async def test_a_stream_from_etcd_is_made_with_what_a_tool_adds(
    traced: Traced, kind: type[_Tool]
) -> None:
    tool, name = kind(), kind.__name__.encode()
    upstream = traced(tool)
    ours = request(
        "v3electionpb.CampaignRequest", name=name, value=b"v", lease=await lease(upstream)
    )
    await upstream.unary(CAMPAIGN, ours, [], 20)
    leaders = upstream.server_stream(
        OBSERVE, request("v3electionpb.LeaderRequest", name=name), [("a", "b")], None
    )
    with anyio.fail_after(20):
        assert await leaders.receive()
    leaders.cancel()
    assert len(tool.seen) == 3


async def lease(upstream: GrpcUpstream) -> int:
    answer = await upstream.unary(
        "/etcdserverpb.Lease/LeaseGrant", request("etcdserverpb.LeaseGrantRequest", TTL=60), [], 20
    )
    message: Any = proto.message_class(proto.message_type("etcdserverpb.LeaseGrantResponse"))
    number: int = message.FromString(answer).ID
    return number


async def contenders(upstream: GrpcUpstream, name: bytes) -> int:
    """How many hold the lock or wait for it."""
    asked = request(
        "etcdserverpb.RangeRequest", key=name + b"/", range_end=name + b"0", count_only=True
    )
    answer = await upstream.unary(RANGE, asked, [], 20)
    message: Any = proto.message_class(proto.message_type("etcdserverpb.RangeResponse"))
    count: int = message.FromString(answer).count
    return count


@pytest.mark.parametrize("tools", [(), (Waits,), (Waits, Adds), (Adds, Waits)])
async def test_a_waiting_call_that_is_cancelled_leaves_the_queue_of_the_lock(
    traced: Traced, tools: tuple[type[_Tool], ...]
) -> None:
    upstream, name = traced(*(one() for one in tools)), b"queue" + str(tools).encode()
    held = request("v3lockpb.LockRequest", name=name, lease=await lease(upstream))
    assert await upstream.unary(LOCK, held, [], 20)
    asked = request("v3lockpb.LockRequest", name=name, lease=await lease(upstream))
    waiting = asyncio.create_task(upstream.unary(LOCK, asked, [], None))
    with anyio.fail_after(20):
        while await contenders(upstream, name) < 2:  # noqa: ASYNC110 - etcd tells nobody
            await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    with anyio.fail_after(20):
        while await contenders(upstream, name) > 1:  # noqa: ASYNC110 - etcd tells nobody
            await asyncio.sleep(0.01)


async def test_a_call_that_a_tool_waits_for_ends_with_the_gateway(traced: Traced) -> None:
    upstream, name = traced(Waits()), b"ends with the gateway"
    held = request("v3lockpb.LockRequest", name=name, lease=await lease(upstream))
    assert await upstream.unary(LOCK, held, [], 20)
    asked = request("v3lockpb.LockRequest", name=name, lease=await lease(upstream))
    waiting = asyncio.create_task(upstream.unary(LOCK, asked, [], None))
    with anyio.fail_after(20):
        while await contenders(upstream, name) < 2:  # noqa: ASYNC110 - etcd tells nobody
            await asyncio.sleep(0.01)
        await upstream.aclose()
        await asyncio.wait({waiting})
    assert waiting.exception() is not None
