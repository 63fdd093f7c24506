"""Calls made as an etcd user go on when etcd forgets the token, or comes to want one."""

import asyncio
from pathlib import Path

import anyio
import pytest

from etcd_asgi import Limits, UpstreamError
from etcd_asgi.upstream.auth.login import NO_LOGIN
from etcd_asgi.upstream.auth.password import Password
from tests.etcds.releases import OFFICIAL
from tests.unit.upstream.users import (
    ADA,
    PUT,
    RANGE,
    ROOT,
    MakeUsers,
    Users,
    message,
    parse,
    range_of,
)

LOCK = "/v3lockpb.Lock/Lock"
CAMPAIGN = "/v3electionpb.Election/Campaign"
GRANT = "/etcdserverpb.Lease/LeaseGrant"
HASH = "/etcdserverpb.Maintenance/Hash"
STALE = "stale.1"


async def get(users: Users, credentials: Password = ADA) -> bytes:
    return await users.signed(credentials).unary(RANGE, range_of(b"ada/k"), [], 60)


@pytest.fixture(params=["simple", "jwt"])
def token_args(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """Flags of etcd for either kind of token."""
    if request.param == "simple":
        return []
    secret = tmp_path / "secret"
    secret.write_bytes(b"of-all-members-of-the-cluster")
    return [f"--auth-token=jwt,priv-key={secret},sign-method=HS256,ttl=10m"]


@pytest.fixture
async def any_users(etcd_release: str, make_users: MakeUsers, token_args: list[str]) -> Users:
    """Every release, with either kind of token: ada, who is logged in, and auth on."""
    return await with_ada(make_users(etcd_release, *token_args))


@pytest.fixture
async def both_users(make_users: MakeUsers, token_args: list[str]) -> Users:
    """The official build, with either kind of token: ada, who is logged in, and auth on."""
    return await with_ada(make_users(OFFICIAL, *token_args))


async def with_ada(users: Users) -> Users:
    await users.add()
    await users.enable()
    assert await get(users)
    assert users.upstream.logins == 1
    return users


async def test_after_a_restart_of_etcd_a_call_is_only_slower(any_users: Users) -> None:
    await any_users.restart_etcd()
    assert await get(any_users)


async def test_after_a_change_of_roles_a_call_is_only_slower(any_users: Users) -> None:
    with pytest.raises(UpstreamError, match="permission denied"):
        await any_users.signed().unary(RANGE, range_of(b"team/k"), [], 60)
    perm = {"permType": 2, "key": b"team/k"}
    await any_users.admin("RoleGrantPermission", name="ada", perm=perm)
    assert await any_users.signed().unary(RANGE, range_of(b"team/k"), [], 60)
    await any_users.admin("RoleRevokePermission", role="ada", key=b"team/k")
    with pytest.raises(UpstreamError, match="permission denied"):
        await any_users.signed().unary(RANGE, range_of(b"team/k"), [], 60)
    assert any_users.upstream.logins <= 3


async def test_writes_under_way_while_roles_change_all_arrive_once(both_users: Users) -> None:
    """A refused call has not been carried out, so making it again writes once."""
    await both_users.signed().unary(
        PUT, message("PutRequest", key=b"ada/n", value=b"x").SerializeToString(), [], 60
    )

    async def write() -> None:
        put = message("PutRequest", key=b"ada/n", value=b"x").SerializeToString()
        for _ in range(25):
            await both_users.signed().unary(PUT, put, [], 60)

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(write)
        for i in range(3):
            await both_users.admin("RoleAdd", name=f"role{i}")
    answer = await both_users.signed().unary(RANGE, range_of(b"ada/n"), [], 60)
    assert parse("RangeResponse", answer).kvs[0].version == 101


async def test_a_changed_password_ends_what_was_fetched_with_the_old_one(both_users: Users) -> None:
    await both_users.admin("UserChangePassword", name="ada", password="changed")
    with pytest.raises(UpstreamError) as caught:
        await get(both_users)
    assert (caught.value.code, caught.value.message) == (14, NO_LOGIN)
    assert await get(both_users, Password("ada", "changed"))


async def test_many_callers_with_a_stale_token_log_in_once(both_users: Users) -> None:
    assert await get(both_users)
    before = both_users.upstream.logins
    both_users.tokens._known[ADA] = type(both_users.tokens._known[ADA])(STALE)
    async with anyio.create_task_group() as callers:
        for _ in range(20):
            callers.start_soon(get, both_users)
    assert both_users.upstream.logins == before + 1


@pytest.fixture
async def open_users(etcd_release: str, make_users: MakeUsers) -> Users:
    """Every release, with ada and root, and auth off so far."""
    users = make_users(etcd_release)
    await users.add()
    return users


async def test_an_etcd_without_auth_is_asked_for_a_token_once(open_users: Users) -> None:
    for _ in range(5):
        assert await get(open_users)
    assert open_users.upstream.logins == 1
    assert not any(key == "token" for key, _ in open_users.upstream.metadata[-1])


async def test_auth_switched_on_and_off_again_is_not_noticed(open_users: Users) -> None:
    assert await get(open_users)
    await open_users.enable()
    assert await get(open_users)
    with pytest.raises(UpstreamError, match="permission denied"):
        await open_users.signed().unary(RANGE, range_of(b"other"), [], 60)
    await open_users.admin("Disable")
    assert await get(open_users)
    assert await open_users.signed().unary(RANGE, range_of(b"other"), [], 60)


@pytest.mark.parametrize("was_off", [False, True], ids=["stale token", "auth was off"])
async def test_locks_elections_and_maintenance_go_on_too(
    etcd_release: str, make_users: MakeUsers, was_off: bool
) -> None:
    """Each has other words, or another code, for a token that is wrong."""
    users = make_users(etcd_release)
    await users.add()
    upstream = users.signed(ROOT)
    await upstream.unary(RANGE, range_of(b"k"), [], 60)
    await users.enable()
    grant = message("LeaseGrantRequest", TTL=600).SerializeToString()
    lease = parse("LeaseGrantResponse", await upstream.unary(GRANT, grant, [], 60)).ID
    on_lease = bytes([0x10]) + _varint(lease)
    calls = [
        (LOCK, b"\n\x01n" + on_lease),
        (LOCK, b"\n\x01m"),
        (CAMPAIGN, b"\n\x01e" + on_lease),
        (HASH, b""),
    ]
    for rpc, request in calls:
        known = users.tokens._known[ROOT]
        users.tokens._known[ROOT] = type(known)("" if was_off else STALE)
        before = users.upstream.calls[rpc]
        assert await upstream.unary(rpc, request, [], 120)
        assert users.upstream.calls[rpc] == before + 2, f"{rpc} was refused first"


async def test_tokens_that_are_all_refused_end_in_a_clear_error(users: Users) -> None:
    async def sign(*_: object) -> str:
        return STALE

    users.tokens.sign = sign  # type: ignore[method-assign,assignment]
    with pytest.raises(UpstreamError) as caught:
        await get(users)
    assert (caught.value.code, caught.value.message) == (14, NO_LOGIN)
    assert users.upstream.calls == {RANGE: 1 + Limits().max_login_retries}


async def test_a_cancelled_caller_leaves_nothing_broken(users: Users) -> None:
    for _ in range(3):
        task = asyncio.create_task(get(users))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
    assert await get(users)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
