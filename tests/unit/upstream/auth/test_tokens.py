"""Tokens of etcd users: one login for all who need it, again when etcd asks for it."""

import asyncio
import logging
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import anyio
import pytest

from etcd_asgi import Limits, UpstreamError
from etcd_asgi.upstream.auth.login import NO_LOGIN
from etcd_asgi.upstream.auth.password import Password
from tests.unit.upstream.users import (
    ADA,
    AUTHENTICATE,
    PUT,
    RANGE,
    ROOT,
    MakeUsers,
    Users,
    message,
    parse,
    range_of,
)


async def get(users: Users, credentials: Password = ADA, timeout: float | None = 60) -> bytes:
    key = credentials.user.encode() + b"/k"
    return await users.signed(credentials).unary(RANGE, range_of(key), [], timeout)


async def test_callers_who_come_together_log_in_once(users: Users) -> None:
    users.upstream.gates[AUTHENTICATE] = gate = asyncio.Event()
    async with anyio.create_task_group() as callers:
        for _ in range(20):
            callers.start_soon(get, users)
        await anyio.wait_all_tasks_blocked()
        assert users.upstream.calls == {AUTHENTICATE: 1}
        gate.set()
    assert users.upstream.calls == {AUTHENTICATE: 1, RANGE: 20}


async def test_a_caller_who_leaves_does_not_end_the_login_of_the_others(users: Users) -> None:
    users.upstream.gates[AUTHENTICATE] = gate = asyncio.Event()
    first, second = (asyncio.create_task(get(users)) for _ in range(2))
    await anyio.wait_all_tasks_blocked()
    first.cancel()
    await asyncio.wait({first})
    gate.set()
    assert await second
    assert users.upstream.logins == 1


async def test_a_deadline_that_passes_during_the_login_ends_the_call(users: Users) -> None:
    users.upstream.gates[AUTHENTICATE] = gate = asyncio.Event()
    with pytest.raises(UpstreamError) as caught:
        await get(users, timeout=0.01)
    assert (caught.value.code, caught.value.message) == (4, "context deadline exceeded")
    gate.set()
    assert await get(users)
    assert users.upstream.logins == 1


async def test_one_login_serves_one_event_loop_after_another(users: Users) -> None:
    assert await get(users)
    with ThreadPoolExecutor(1) as thread:  # and this loop stands still: grpcio serves one at a time
        assert thread.submit(asyncio.run, get(users)).result()
    assert users.upstream.logins == 1


async def test_closing_ends_a_login_and_whoever_waits_for_it_is_told(users: Users) -> None:
    users.upstream.gates[AUTHENTICATE] = asyncio.Event()
    caller = asyncio.create_task(get(users))
    await anyio.wait_all_tasks_blocked()
    await users.signed().aclose()
    with pytest.raises(UpstreamError) as caught:
        await caller
    assert (caught.value.code, caught.value.message) == (14, NO_LOGIN)


async def test_a_wrong_password_is_told_without_names_and_does_not_become_a_storm(
    make_users: MakeUsers, caplog: pytest.LogCaptureFixture
) -> None:
    users = make_users(limits=Limits(login_retry_time=3600))
    await users.add()
    await users.enable()
    wrong = Password("ada", "wr0ng-secret")
    for _ in range(5):
        with pytest.raises(UpstreamError) as caught:
            await get(users, wrong)
        assert (caught.value.code, caught.value.message) == (14, NO_LOGIN)
        assert caught.value.local
    assert users.upstream.logins == 1
    (record,) = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert "'ada' cannot log in: etcdserver: authentication failed" in record.getMessage()
    assert "wr0ng" not in caplog.text
    assert await get(users, ADA), "another password is another login"


async def test_a_refused_login_is_tried_again_after_a_while(make_users: MakeUsers) -> None:
    users = make_users(limits=Limits(login_retry_time=1e-9))
    await users.enable()
    with pytest.raises(UpstreamError):
        await get(users)
    await users.add()
    assert await get(users)


async def test_users_beyond_the_limit_log_in_again(make_users: MakeUsers) -> None:
    users = make_users(limits=Limits(max_etcd_users=2))
    a, b, c = (Password(name, f"{name}-password") for name in "abc")
    for one in (a, b, c):
        await users.add(one, one.user.encode() + b"/")
    await users.enable()
    for one in (a, b, a, c, a):  # c takes the place of b
        assert await get(users, one)
    assert users.upstream.logins == 3
    assert await get(users, b)
    assert users.upstream.logins == 4


async def test_many_users_at_once_each_act_as_themselves(make_users: MakeUsers) -> None:
    users = make_users(limits=Limits(max_logins=3))
    everybody = [Password(f"user{i:02}", f"password-{i}") for i in range(12)]
    for one in everybody:
        await users.add(one, one.user.encode() + b"/")
    await users.enable()

    async def act(one: Password, other: Password) -> None:
        upstream = users.signed(one)
        key = one.user.encode() + b"/k"
        put = message("PutRequest", key=key, value=b"mine").SerializeToString()
        for _ in range(5):
            await upstream.unary(PUT, put, [], 60)
            found = parse("RangeResponse", await upstream.unary(RANGE, range_of(key), [], 60))
            assert found.count == 1
            with pytest.raises(UpstreamError) as caught:
                await upstream.unary(RANGE, range_of(other.user.encode() + b"/k"), [], 60)
            assert (caught.value.code, caught.value.message) == (7, "etcdserver: permission denied")

    async with anyio.create_task_group() as tasks:
        for one, other in zip(everybody, everybody[1:] + everybody[:1], strict=True):
            tasks.start_soon(act, one, other)
    assert users.upstream.logins == len(everybody)


async def test_only_so_many_log_in_at_a_time(make_users: MakeUsers) -> None:
    users = make_users(limits=Limits(max_logins=3))
    users.upstream.gates[AUTHENTICATE] = gate = asyncio.Event()
    async with anyio.create_task_group() as tasks:
        for i in range(9):
            tasks.start_soon(get, users, Password(f"user{i}", "password"))
        with anyio.fail_after(60):
            while users.upstream.logins < 3:  # noqa: ASYNC110 - it is a count, not an event
                await asyncio.sleep(0)
        for _ in range(100):  # turns in which a fourth could begin
            await asyncio.sleep(0)
        assert users.upstream.logins == 3
        gate.set()
    assert users.upstream.logins == 9


async def test_an_etcd_that_is_not_there_is_said_to_be_so(users: Users) -> None:
    await asyncio.to_thread(users.etcd.stop)
    with pytest.raises(UpstreamError) as caught:
        await get(users)
    assert (caught.value.code, caught.value.message) == (14, "etcd is not reachable")
    await users.restart_etcd()
    assert await get(users)


async def test_an_etcd_that_begins_anew_does_not_let_calls_wait(users: Users) -> None:
    """It would wait for what the index in a simple token says has been carried out."""
    put = message("PutRequest", key=b"ada/k", value=b"v").SerializeToString()
    for _ in range(100):
        await users.signed(ROOT).unary(PUT, put, [], 60)
    assert await get(users)
    await asyncio.to_thread(users.etcd.stop)
    with pytest.raises(UpstreamError):
        await get(users)
    await asyncio.to_thread(shutil.rmtree, users.etcd.data_dir)
    await users.restart_etcd()
    anew = Users(users.etcd)
    await anew.add()
    await anew.enable()
    assert await get(users)
    await anew.aclose()


async def test_an_etcd_that_says_nothing_to_a_login_is_no_success(make_users: MakeUsers) -> None:
    users = make_users(limits=Limits(login_timeout=0.1, login_retry_time=1e-9))
    await users.add()
    await users.enable()
    users.etcd.pause()
    with pytest.raises(UpstreamError) as caught:
        await get(users)
    assert (caught.value.code, caught.value.message) == (14, NO_LOGIN)
    users.etcd.resume()
    with anyio.fail_after(60):
        while users.tokens.known(ADA) is None:
            with suppress(UpstreamError):
                await get(users)


async def test_dropping_a_token_leaves_a_newer_one_alone(users: Users) -> None:
    old = await users.tokens.sign(ADA)
    users.tokens.drop(ADA, old)
    new = await users.tokens.sign(ADA)
    users.tokens.drop(ADA, old)
    assert users.tokens.known(ADA) == new != old
    assert users.upstream.logins == 2


async def test_what_says_who_the_client_is_stays_behind(users: Users) -> None:
    client = [
        ("token", "theirs"), ("authorization", "Bearer theirs"),
        ("grpcgateway-authorization", "theirs"), ("grpcgateway-cookie", "session=theirs"),
        ("grpcgateway-user-agent", "curl"),
    ]  # fmt: skip
    await users.signed().unary(RANGE, range_of(b"ada/k"), [*client], 60)
    sent = users.upstream.metadata[-1]
    assert "theirs" not in str(sent)
    assert ("grpcgateway-user-agent", "curl") in sent
    assert ("grpcgateway-accept", "*/*") in sent, "or etcd judges by the gateway's certificate"
    assert client[0] == ("token", "theirs"), "the caller's own list is as it was"


def test_credentials_without_a_name_or_a_password_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="etcdctl user add"):
        Password("", "secret")
    with pytest.raises(ValueError, match="environment variable that is set"):
        Password("ada", "")
    with pytest.raises(TypeError, match="must be a string, not NoneType"):
        Password("ada", None)  # type: ignore[arg-type]  # as os.environ.get gives it
    with pytest.raises(ValueError, match="not valid Unicode"):
        Password("ada", "\udcff")


def test_a_password_is_never_shown() -> None:
    assert repr(Password("ada", "secret")) == "Password(user='ada')"
    assert len({Password("ada", "1"), Password("ada", "2"), Password("ada", "1")}) == 2
