"""Waiting calls, over an upstream that does as it is told."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from etcd_asgi.calls.waiting import Session, WaitingCalls, WaitingUpstream
from etcd_asgi.errors import CLOSING, GatewayClosing, UpstreamError
from etcd_asgi.etcd import proto
from etcd_asgi.metadata import Metadata
from etcd_asgi.settings import Limits
from etcd_asgi.status import Code
from etcd_asgi.upstream import UpstreamStream

LOCK = "/v3lockpb.Lock/Lock"
CAMPAIGN = "/v3electionpb.Election/Campaign"
OBSERVE = "/v3electionpb.Election/Observe"
GRANT = "/etcdserverpb.Lease/LeaseGrant"
REVOKE = "/etcdserverpb.Lease/LeaseRevoke"

NEVER = 3600.0
QUICK = Limits(waiting_cancel_pause=1e-6)
SLOW = Limits(waiting_cancel_pause=NEVER)


def message(full_name: str, **fields: Any) -> Any:
    return proto.message_class(proto.message_type(full_name))(**fields)


class Stream:
    """A stream that says nothing until it is cancelled."""

    def __init__(self) -> None:
        self.over: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self.cancelled = False

    async def send(self, request: bytes) -> bool:
        return not self.cancelled

    async def half_close(self) -> None:
        pass

    async def receive(self) -> bytes | None:
        return await asyncio.shield(self.over)

    def cancel(self) -> None:
        self.cancelled = True
        if not self.over.done():
            self.over.set_exception(UpstreamError(1, "context canceled"))
            self.over.exception()  # seen, as nobody may receive any more


class Upstream:
    """Lets each call wait for :attr:`replies`, and notes what happens to it."""

    def __init__(self) -> None:
        self.replies: list[asyncio.Future[bytes]] = []
        self.log: list[str] = []
        self.timeouts: list[float | None] = []
        self.streams: list[Stream] = []
        self.deaf = False
        """Whether calls go on to their reply when they are cancelled, as one that is just over."""

    async def unary(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> bytes:
        self.timeouts.append(timeout)
        if rpc == GRANT:
            self.log.append("grant")
            reply: bytes = message("etcdserverpb.LeaseGrantResponse", ID=7).SerializeToString()
            return reply
        if rpc == REVOKE:
            revoked: Any = message("etcdserverpb.LeaseRevokeRequest").FromString(request)
            self.log.append(f"revoke {revoked.ID}")
            return b""
        self.replies.append(waiting := asyncio.get_running_loop().create_future())
        while True:
            try:
                return await asyncio.shield(waiting)
            except asyncio.CancelledError:
                self.log.append("cancel")
                if not self.deaf:
                    raise

    def server_stream(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> UpstreamStream:
        self.timeouts.append(timeout)
        self.streams.append(Stream())
        return self.streams[-1]

    def bidi(self, rpc: str, metadata: Metadata, timeout: float | None) -> UpstreamStream:
        raise AssertionError("no such call is made here")

    async def aclose(self) -> None:
        pass


class Scene:
    def __init__(self, limits: Limits = QUICK, user: str = "red", most: int = 3) -> None:
        self.etcd = Upstream()
        self.calls = WaitingCalls(limits)
        self.upstream = WaitingUpstream(self.etcd, self.calls, ("user", user), most)

    def lock(self, rpc: str = LOCK, request: bytes = b"", **more: Any) -> asyncio.Task[bytes]:
        timeout = more.get("timeout")
        return asyncio.create_task(self.upstream.unary(rpc, request, [], timeout))

    def lock_in_session(self) -> asyncio.Task[bytes]:
        lease = message("etcdserverpb.LeaseGrantRequest", TTL=60)
        session = Session(
            lease=lease, request_with=lambda lease: b"%d" % lease, refusal=lambda error: error
        )
        return asyncio.create_task(self.upstream.in_session(LOCK, session, [], None))

    async def wait_in_etcd(self, count: int) -> None:
        await until(lambda: len(self.etcd.replies) == count)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - many things make it true
            await asyncio.sleep(0)


async def cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_reply_comes_through_and_the_place_is_free_again() -> None:
    scene = Scene()
    task = scene.lock()
    await scene.wait_in_etcd(1)
    assert len(scene.calls) == 1
    scene.etcd.replies[0].set_result(b"locked")
    assert await task == b"locked"
    assert len(scene.calls) == 0
    assert scene.etcd.log == []


async def test_cancelled_calls_end_in_etcd_one_at_a_time_and_keep_their_places() -> None:
    scene = Scene(SLOW)
    tasks = [scene.lock() for _ in range(3)]
    await scene.wait_in_etcd(3)
    for task in tasks:
        await cancelled(task)
    await until(lambda: scene.etcd.log)
    for _ in range(100):
        await asyncio.sleep(0)
    assert scene.etcd.log == ["cancel"]
    assert len(scene.calls) == 2


async def test_a_deadline_is_answered_at_once_and_never_told_to_etcd() -> None:
    scene = Scene(SLOW)
    for task in [scene.lock(timeout=0.01) for _ in range(3)]:
        with pytest.raises(UpstreamError) as told:
            await task
        assert (told.value.code, told.value.local) == (Code.DEADLINE_EXCEEDED, True)
    assert scene.etcd.timeouts == [None] * 3
    assert len(scene.calls) >= 2


async def test_a_deadline_that_has_passed_begins_no_call() -> None:
    scene = Scene()
    with pytest.raises(UpstreamError) as told:
        await scene.lock(timeout=-1.0)
    assert told.value.code == Code.DEADLINE_EXCEEDED
    with pytest.raises(UpstreamError):
        scene.upstream.server_stream(OBSERVE, b"", [], 0.0)
    assert len(scene.calls) == 0
    assert scene.etcd.timeouts == []


async def test_one_call_too_many_is_refused_and_waits_for_a_place_before() -> None:
    scene = Scene(Limits(waiting_cancel_pause=1e-6, waiting_place_timeout=NEVER))
    tasks = [scene.lock() for _ in range(4)]
    await scene.wait_in_etcd(3)
    scene.etcd.replies[0].set_result(b"")
    await scene.wait_in_etcd(4)
    scene = Scene(Limits(waiting_place_timeout=1e-6))
    tasks += [scene.lock() for _ in range(3)]
    await scene.wait_in_etcd(3)
    with pytest.raises(UpstreamError, match=r"too many calls that wait .*: 3 are granted") as told:
        await scene.lock()
    assert told.value.code == Code.RESOURCE_EXHAUSTED
    with pytest.raises(UpstreamError, match="3 are granted"):
        scene.upstream.server_stream(OBSERVE, b"", [], None)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_those_who_wait_for_a_place_are_limited_too() -> None:
    scene = Scene(Limits(max_waiting_calls=1, waiting_place_timeout=NEVER))
    first, queued = scene.lock(), scene.lock()
    await scene.wait_in_etcd(1)
    with pytest.raises(UpstreamError, match="this gateway takes 1"):
        await scene.lock()
    await cancelled(queued)
    await cancelled(first)


async def test_other_users_have_places_until_the_gateway_has_none() -> None:
    scene = Scene(Limits(max_waiting_calls=3, waiting_place_timeout=1e-6), most=2)
    blue = WaitingUpstream(scene.etcd, scene.calls, ("user", "blue"), 2)
    nobody = WaitingUpstream(scene.etcd, scene.calls)
    tasks = [scene.lock(), scene.lock()]
    await scene.wait_in_etcd(2)
    tasks.append(asyncio.create_task(blue.unary(LOCK, b"", [], None)))
    await scene.wait_in_etcd(3)
    for upstream in (blue, nobody):
        with pytest.raises(UpstreamError, match="this gateway takes 3"):
            await upstream.unary(LOCK, b"", [], None)
    for task in tasks:
        await cancelled(task)
    await until(lambda: len(scene.calls) == 0)


async def test_the_lease_of_a_cancelled_call_is_revoked_after_its_end() -> None:
    scene = Scene()
    task = scene.lock_in_session()
    await scene.wait_in_etcd(1)
    await cancelled(task)
    await until(lambda: len(scene.calls) == 0)
    assert scene.etcd.log == ["grant", "cancel", "revoke 7"]


async def test_the_lease_of_a_failed_call_is_revoked_and_of_a_good_one_is_not() -> None:
    scene = Scene()
    task = scene.lock_in_session()
    await scene.wait_in_etcd(1)
    scene.etcd.replies[0].set_exception(UpstreamError(2, "etcdserver: no"))
    with pytest.raises(UpstreamError, match="etcdserver: no"):
        await task
    await until(lambda: len(scene.calls) == 0)
    assert scene.etcd.log == ["grant", "revoke 7"]
    task = scene.lock_in_session()
    await scene.wait_in_etcd(2)
    scene.etcd.replies[1].set_result(b"good")
    assert await task == b"good"
    await scene.calls.aclose()
    assert scene.etcd.log == ["grant", "revoke 7", "grant"]


@pytest.mark.parametrize(("rpc", "kind"), [(LOCK, "Lock"), (CAMPAIGN, "Campaign")])
@pytest.mark.parametrize("own_lease", [0, 5])
async def test_a_lock_that_is_won_when_nobody_waits_any_more_is_given_back(
    rpc: str, kind: str, own_lease: int
) -> None:
    """By its lease, if etcd has made that for this call alone."""
    scene = Scene()
    scene.etcd.deaf = True
    package = "v3lockpb" if rpc == LOCK else "v3electionpb"
    request = message(f"{package}.{kind}Request", name=b"n", lease=own_lease)
    task = scene.lock(rpc, request.SerializeToString())
    await scene.wait_in_etcd(1)
    await cancelled(task)
    await until(lambda: scene.etcd.log)
    reply = message(f"{package}.{kind}Response")
    (reply if rpc == LOCK else reply.leader).key = b"n/x/694d7a0f"
    scene.etcd.replies[0].set_result(reply.SerializeToString())
    await until(lambda: len(scene.calls) == 0)
    assert scene.etcd.log == (["cancel"] if own_lease else ["cancel", f"revoke {0x694D7A0F}"])


async def test_closing_tells_those_who_wait_and_returns_when_all_has_ended() -> None:
    scene = Scene(most=9)
    tasks = [scene.lock_in_session() for _ in range(3)]
    await scene.wait_in_etcd(3)
    stream = scene.upstream.server_stream(OBSERVE, b"", [], None)
    await scene.calls.aclose()
    assert len(scene.calls) == 0
    assert scene.etcd.log.count("cancel") == scene.etcd.log.count("revoke 7") == 3
    assert scene.etcd.streams[0].cancelled
    for task in (*tasks, asyncio.create_task(stream.receive())):
        with pytest.raises(GatewayClosing, match=CLOSING) as caught:
            await task
        assert caught.value.code == Code.UNAVAILABLE


async def test_a_revocation_that_fails_is_tried_a_few_times() -> None:
    scene = Scene(Limits(max_reconnect_delay=1e-6, waiting_cancel_pause=1e-6))
    tries = []

    async def unary(rpc: str, request: bytes, metadata: Metadata, timeout: float | None) -> bytes:
        if rpc == REVOKE:
            tries.append(timeout)
            raise UpstreamError(Code.UNAVAILABLE, "etcd is not reachable", local=True)
        return await Upstream.unary(scene.etcd, rpc, request, metadata, timeout)

    scene.etcd.unary = unary  # type: ignore[method-assign]
    task = scene.lock_in_session()
    await scene.wait_in_etcd(1)
    await cancelled(task)
    await until(lambda: len(scene.calls) == 0)
    assert tries == [QUICK.revoke_timeout] * QUICK.max_revoke_attempts


async def test_a_stream_ends_for_its_user_at_once_and_in_etcd_in_its_turn() -> None:
    scene = Scene(SLOW)
    streams = [scene.upstream.server_stream(OBSERVE, b"", [], None) for _ in range(3)]
    receiving = [asyncio.create_task(one.receive()) for one in streams]
    await asyncio.sleep(0)
    for one in streams:
        one.cancel()
    for task in receiving:
        with pytest.raises(UpstreamError, match="context canceled"):
            await task
    await until(lambda: len(scene.calls) == 2)
    assert [one.cancelled for one in scene.etcd.streams] == [True, False, False]
    assert not await streams[1].send(b"")


async def test_a_stream_that_etcd_ends_gives_its_place_back() -> None:
    scene = Scene(SLOW)
    for end in (None, UpstreamError(2, "no leader")):
        stream = scene.upstream.server_stream(OBSERVE, b"", [], None)
        over = scene.etcd.streams[-1].over
        if end is None:
            over.set_result(None)
            assert await stream.receive() is None
        else:
            over.set_exception(end)
            with pytest.raises(UpstreamError, match="no leader"):
                await stream.receive()
        assert len(scene.calls) == 0
        stream.cancel()
        assert not scene.etcd.streams[-1].cancelled


async def test_the_deadline_of_a_stream_is_kept_here() -> None:
    scene = Scene()
    stream = scene.upstream.server_stream(OBSERVE, b"", [], 0.01)
    assert scene.etcd.timeouts == [None]
    with pytest.raises(UpstreamError) as told:
        await stream.receive()
    assert (told.value.code, told.value.local) == (Code.DEADLINE_EXCEEDED, False)
    await until(lambda: len(scene.calls) == 0)
    assert scene.etcd.streams[0].cancelled


def test_a_loop_that_ends_with_calls_on_it_leaves_nothing_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene(SLOW, most=9)

    async def begin(scene: Scene) -> None:
        scene.lock()
        for _ in range(3):
            scene.lock_in_session()
        await scene.wait_in_etcd(4)
        stream = scene.upstream.server_stream(OBSERVE, b"", [], None)
        task = asyncio.create_task(stream.receive())
        task.add_done_callback(lambda _: stream.cancel())
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(begin(scene))
    assert len(scene.calls) == 0
    del scene  # a task that was forgotten is told of when nothing refers to it any more
    gc.collect()
    assert not caplog.records
