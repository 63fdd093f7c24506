"""Streams made as an etcd user, begun with a token that etcd may not take."""

import asyncio
from collections.abc import Callable

import anyio
import pytest

from etcd_asgi import Limits, UpstreamError
from etcd_asgi.upstream import UpstreamStream
from etcd_asgi.upstream.auth.authenticated_stream import LOGIN_OVER
from etcd_asgi.upstream.auth.login import NO_LOGIN, Login
from tests.unit.upstream.users import (
    ADA,
    AUTHENTICATE,
    PUT,
    ROOT,
    SNAPSHOT,
    WATCH,
    MakeUsers,
    Users,
    message,
    parse,
    watch_of,
)

GRANT = "/etcdserverpb.Lease/LeaseGrant"
KEEP_ALIVE = "/etcdserverpb.Lease/LeaseKeepAlive"
OBSERVE = "/v3electionpb.Election/Observe"
CAMPAIGN = "/v3electionpb.Election/Campaign"
STALE = Login("stale.1")

Spoil = Callable[[Users], None]


def _nothing_known(users: Users) -> None:
    users.tokens._known.clear()


def _stale(users: Users) -> None:
    users.tokens._known[ADA] = users.tokens._known[ROOT] = STALE


def _auth_was_off(users: Users) -> None:
    users.tokens._known[ADA] = users.tokens._known[ROOT] = Login("")


@pytest.fixture(
    params=[
        pytest.param(_nothing_known, id="no token yet"),
        pytest.param(_stale, id="stale token"),
        pytest.param(_auth_was_off, id="auth was off"),
    ]
)
def spoil(request: pytest.FixtureRequest) -> Spoil:
    chosen: Spoil = request.param
    return chosen


@pytest.fixture
async def all_users(etcd_release: str, make_users: MakeUsers) -> Users:
    """Every release, with ada, and auth on."""
    users = make_users(etcd_release)
    await users.add()
    await users.enable()
    return users


async def put(users: Users, key: bytes) -> None:
    request = message("PutRequest", key=key, value=b"v").SerializeToString()
    await users.signed().unary(PUT, request, [], 60)


async def created(stream: UpstreamStream, watch_id: int = 0) -> None:
    answer = parse("WatchResponse", await stream.receive())
    assert answer.created, answer
    assert not answer.canceled, answer
    assert answer.watch_id == watch_id


async def event(stream: UpstreamStream, key: bytes) -> None:
    answer = parse("WatchResponse", await stream.receive())
    assert [one.kv.key for one in answer.events] == [key]


async def test_a_watch_begins_whatever_was_known(all_users: Users, spoil: Spoil) -> None:
    spoil(all_users)
    stream = all_users.signed().bidi(WATCH, [], None)
    with anyio.fail_after(60):
        assert await stream.send(watch_of(b"ada/k", 7))
        await created(stream, 7)
        await put(all_users, b"ada/k")
        await event(stream, b"ada/k")
        assert await stream.send(watch_of(b"ada/l", 8))
        await created(stream, 8)
    stream.cancel()


async def test_a_watch_in_one_request_begins_whatever_was_known(users: Users, spoil: Spoil) -> None:
    spoil(users)
    stream = users.signed().server_stream(WATCH, watch_of(b"ada/k"), [], None)
    with anyio.fail_after(60):
        await created(stream)
        await put(users, b"ada/k")
        await event(stream, b"ada/k")
    stream.cancel()


async def test_what_was_sent_before_the_first_answer_is_sent_again_in_order(
    users: Users, spoil: Spoil
) -> None:
    spoil(users)
    stream = users.signed().bidi(WATCH, [], None)
    with anyio.fail_after(60):
        for watch_id in range(10, 30):
            assert await stream.send(watch_of(b"ada/k", watch_id))
        for watch_id in range(10, 30):
            await created(stream, watch_id)
    stream.cancel()


async def test_other_streams_begin_whatever_was_known(all_users: Users, spoil: Spoil) -> None:
    signed = all_users.signed(ROOT)
    grant = message("LeaseGrantRequest", TTL=600).SerializeToString()
    lease = parse("LeaseGrantResponse", await signed.unary(GRANT, grant, [], 60)).ID
    await signed.unary(CAMPAIGN, b"\n\x01e\x1a\x05value", [], 60)
    spoil(all_users)
    keep_alive = signed.bidi(KEEP_ALIVE, [], None)
    with anyio.fail_after(60):
        renew = message("LeaseKeepAliveRequest", ID=lease).SerializeToString()
        await keep_alive.send(renew)
        await keep_alive.half_close()
        assert parse("LeaseKeepAliveResponse", await keep_alive.receive()).TTL == 600
        assert await keep_alive.receive() is None
        for rpc, request in ((OBSERVE, b"\n\x01e"), (SNAPSHOT, b"")):
            spoil(all_users)
            stream = signed.server_stream(rpc, request, [], None)
            assert await stream.receive(), rpc
            stream.cancel()


async def test_after_a_restart_a_stream_begins_again(all_users: Users) -> None:
    before = all_users.signed().server_stream(WATCH, watch_of(b"ada/k"), [], None)
    await created(before)
    await all_users.restart_etcd()
    with pytest.raises(UpstreamError) as caught:
        await before.receive()
    assert caught.value.code == 14
    after = all_users.signed().server_stream(WATCH, watch_of(b"ada/k"), [], None)
    await created(after)
    after.cancel()


async def test_a_watch_that_is_not_allowed_is_told_so_and_the_token_stays(
    all_users: Users,
) -> None:
    """In the first releases of 3.5 a stale token has the same words."""
    stream = all_users.signed().server_stream(WATCH, watch_of(b"secret"), [], None)
    answer = parse("WatchResponse", await stream.receive())
    assert answer.canceled
    assert "permission denied" in answer.cancel_reason
    assert all_users.upstream.logins == 1
    assert all_users.tokens.known(ADA)
    stream.cancel()


async def test_a_later_refusal_ends_the_stream_with_a_clear_error(all_users: Users) -> None:
    """A stream keeps the token that it began with, and etcd judges each watch by it."""
    stream = all_users.signed().bidi(WATCH, [], None)
    with anyio.fail_after(60):
        await stream.send(watch_of(b"ada/k", 1))
        await created(stream, 1)
        token = all_users.tokens.known(ADA)
        change = {"name": "ada", "password": ADA.password}
        await all_users.admin("UserChangePassword", **change)  # forgets ada's tokens
        await stream.send(watch_of(b"ada/l", 2))
        with pytest.raises(UpstreamError) as caught:
            await stream.receive()
        assert (caught.value.code, caught.value.message) == (14, LOGIN_OVER)
    assert all_users.tokens.known(ADA) != token
    again = all_users.signed().server_stream(WATCH, watch_of(b"ada/k"), [], None)
    await created(again)
    again.cancel()


async def test_a_wrong_password_ends_a_stream_with_the_same_words_as_a_call(users: Users) -> None:
    await users.admin("UserChangePassword", name="ada", password="changed")
    stream = users.signed().bidi(WATCH, [], None)
    assert not await stream.send(watch_of(b"ada/k"))
    for _ in range(2):
        with pytest.raises(UpstreamError) as caught:
            await stream.receive()
        assert (caught.value.code, caught.value.message) == (14, NO_LOGIN)


async def test_tokens_that_are_all_refused_end_the_stream(users: Users) -> None:
    async def sign(*_: object) -> str:
        return STALE.token

    users.tokens.sign = sign  # type: ignore[method-assign,assignment]
    stream = users.signed(ROOT).server_stream(SNAPSHOT, b"", [], None)
    with anyio.fail_after(60), pytest.raises(UpstreamError) as caught:
        await stream.receive()
    assert (caught.value.code, caught.value.message) == (14, NO_LOGIN)
    assert users.upstream.calls[SNAPSHOT] == 1 + Limits().max_login_retries


async def test_a_stream_that_has_sent_too_much_is_not_begun_again(make_users: MakeUsers) -> None:
    users = make_users(limits=Limits(max_replay_bytes=200))
    await users.add()
    await users.enable()
    _stale(users)
    stream = users.signed().bidi(WATCH, [], None)
    with anyio.fail_after(60):
        for watch_id in range(4):
            await stream.send(watch_of(b"ada/k", watch_id))
        with pytest.raises(UpstreamError) as caught:
            await stream.receive()
        assert (caught.value.code, caught.value.message) == (14, LOGIN_OVER)
        assert not await stream.send(watch_of(b"ada/k"))


async def test_more_than_can_be_kept_is_sent_in_order_once_the_stream_has_begun(
    make_users: MakeUsers,
) -> None:
    users = make_users(limits=Limits(max_replay_bytes=200))
    stream = users.signed().bidi(WATCH, [], None)
    with anyio.fail_after(60):
        for watch_id in range(1, 8):
            assert await stream.send(watch_of(b"ada/k", watch_id))
        for watch_id in range(1, 8):
            await created(stream, watch_id)
    stream.cancel()


async def test_a_stream_begun_before_the_login_is_over_is_cancelled_at_once(users: Users) -> None:
    users.upstream.gates[AUTHENTICATE] = gate = asyncio.Event()
    stream = users.signed().bidi(WATCH, [], None)
    sender = asyncio.create_task(stream.send(watch_of(b"ada/k")))
    receiver = asyncio.create_task(stream.receive())
    await anyio.wait_all_tasks_blocked()
    stream.cancel()
    with anyio.fail_after(60):
        assert not await sender
        with pytest.raises(UpstreamError) as caught:
            await receiver
    assert (caught.value.code, caught.value.message) == (1, "context canceled")
    gate.set()
    assert not await stream.send(b"")
    assert users.upstream.calls[WATCH] == 0


async def test_a_cancelled_sender_or_receiver_leaves_the_login_to_the_other(users: Users) -> None:
    for first in ("send", "receive"):
        _nothing_known(users)
        users.upstream.gates[AUTHENTICATE] = gate = asyncio.Event()
        stream = users.signed().bidi(WATCH, [], None)
        sender = asyncio.create_task(stream.send(watch_of(b"ada/k")))
        receiver = asyncio.create_task(stream.receive())
        await anyio.wait_all_tasks_blocked()
        gone, other = (sender, receiver) if first == "send" else (receiver, sender)
        gone.cancel()
        await asyncio.wait({gone})
        gate.set()
        with anyio.fail_after(60):
            assert await other
            if first == "receive":
                await created(stream)
        stream.cancel()


async def test_a_deadline_counts_the_login(users: Users) -> None:
    users.upstream.gates[AUTHENTICATE] = asyncio.Event()
    stream = users.signed().server_stream(WATCH, watch_of(b"ada/k"), [], 0.01)
    with anyio.fail_after(60), pytest.raises(UpstreamError) as caught:
        await stream.receive()
    assert (caught.value.code, caught.value.message) == (4, "context deadline exceeded")


async def test_cancelled_streams_leave_no_tasks_behind(users: Users) -> None:
    before = asyncio.all_tasks()
    for spoil in (_nothing_known, _stale, _auth_was_off):
        for turns in range(12):
            spoil(users)
            stream = users.signed().bidi(WATCH, [], None)
            sender = asyncio.create_task(stream.send(watch_of(b"ada/k")))
            receiver = asyncio.create_task(_until_it_ends(stream))
            for _ in range(turns * turns):
                await asyncio.sleep(0)
            stream.cancel()
            sender.cancel()  # gRPC's write may wait for a call that was cancelled before it began
            with anyio.fail_after(60):
                await asyncio.wait({sender, receiver})
            assert isinstance(receiver.exception(), UpstreamError)
    await users.tokens.aclose()
    ours = {one for one in asyncio.all_tasks() - before if "etcd_asgi" in str(one.get_coro())}
    if ours:
        with anyio.fail_after(60):
            await asyncio.wait(ours)


async def _until_it_ends(stream: UpstreamStream) -> None:
    while True:
        await stream.receive()
