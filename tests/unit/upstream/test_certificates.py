"""Certificates that change while the gateway runs, in front of an etcd that asks for them."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import grpc
import pytest

from etcd_asgi import TLS, Limits, UpstreamError
from etcd_asgi.upstream import GrpcUpstream, parse_targets
from etcd_asgi.upstream.auth.password import Password
from etcd_asgi.upstream.certificates import UNUSABLE, Certificates
from tests.conftest import StartEtcd
from tests.etcds.releases import OFFICIAL
from tests.unit.upstream.authority import Authority
from tests.unit.upstream.users import (
    PUT,
    RANGE,
    ROOT,
    WATCH,
    Users,
    message,
    parse,
    range_of,
    watch_of,
)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def users(
    one_event_loop: None, start_etcd: StartEtcd, authority: Authority
) -> AsyncIterator[Users]:
    """An etcd that takes the subject of a certificate for a user: alice's is in use so far."""
    server, used = authority.issue("server"), authority.in_use("alice")
    authority.issue("bob")
    etcd = start_etcd(
        OFFICIAL, "--client-cert-auth", f"--trusted-ca-file={authority.ca}",
        f"--cert-file={server.cert}", f"--key-file={server.key}", "--bcrypt-cost=4",
    )  # fmt: skip
    users = Users(etcd, tls=used)
    for name in ("alice", "bob"):
        await users.add(Password(name, "unused"), f"{name}/".encode())
    await users.enable()
    yield users
    await users.aclose()


async def may_read(users: Users, key: bytes) -> bool:
    """Whether the subject of the certificate may, as there is no token and no header."""
    try:
        return bool(await users.grpc.unary(RANGE, range_of(key), [], 60))
    except UpstreamError as error:
        if error.message != "etcdserver: permission denied":
            raise
        return False


async def until_may_read(users: Users, key: bytes) -> None:
    with anyio.fail_after(60):
        while not await may_read(users, key):  # noqa: ASYNC110 - the files are looked at by time
            await asyncio.sleep(0.02)


async def test_a_new_certificate_is_used_by_new_calls_and_open_streams_go_on(
    users: Users, authority: Authority
) -> None:
    assert await may_read(users, b"alice/k")
    assert not await may_read(users, b"bob/k")
    stream = users.grpc.server_stream(WATCH, watch_of(b"alice/k"), [], None)
    assert not parse("WatchResponse", await stream.receive()).canceled

    authority.put("bob", TLS())
    await until_may_read(users, b"bob/k")
    assert not await may_read(users, b"alice/k")
    later = users.grpc.server_stream(WATCH, watch_of(b"bob/k"), [], None)
    assert not parse("WatchResponse", await later.receive()).canceled

    for name in (b"alice", b"bob"):
        put = message("PutRequest", key=name + b"/k", value=b"v").SerializeToString()
        await users.signed(ROOT).unary(PUT, put, [], 60)
    for one, key in ((stream, b"alice/k"), (later, b"bob/k")):
        with anyio.fail_after(60):
            (event,) = parse("WatchResponse", await one.receive()).events
        assert event.kv.key == key
        one.cancel()


async def test_former_connections_are_closed_when_their_last_call_has_ended(
    users: Users, authority: Authority
) -> None:
    stream = users.grpc.server_stream(WATCH, watch_of(b"alice/k"), [], None)
    await stream.receive()
    connections = users.grpc._pool.loops.here()
    unary, streams = connections.unary, connections.streams
    authority.put("bob", TLS())
    await until_may_read(users, b"bob/k")
    assert connections.streams is not streams
    assert streams in connections._draining
    assert unary not in connections._draining
    stream.cancel()
    assert not connections._draining


@pytest.mark.skipif(
    tuple(map(int, grpc.__version__.split(".")[:2])) < (1, 60),
    reason="a read that begins after its channel was closed never ends in this grpcio",
)
async def test_closing_the_gateway_closes_former_connections_too(
    users: Users, authority: Authority
) -> None:
    stream = users.grpc.server_stream(WATCH, watch_of(b"alice/k"), [], None)
    await stream.receive()
    authority.put("bob", TLS())
    await until_may_read(users, b"bob/k")
    await users.grpc.aclose()
    with anyio.fail_after(60), pytest.raises(UpstreamError) as caught:
        await stream.receive()
    assert caught.value.code == 1


async def test_files_caught_half_replaced_do_not_disturb_anybody(
    users: Users, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    warned = "certificates cannot be used; the former ones stay in use"
    assert await may_read(users, b"alice/k")
    authority.put("bob", TLS(), "pem")  # with alice's key
    with anyio.fail_after(60):
        while warned not in caplog.text:  # noqa: ASYNC110 - the files are looked at by time
            await asyncio.sleep(0.02)
    assert await may_read(users, b"alice/k")
    authority.put("bob", TLS(), "key")
    await until_may_read(users, b"bob/k")


def test_only_files_that_belong_together_are_taken(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    used = authority.in_use("alice")
    authority.issue("bob")
    certificates = Certificates(used)
    alice = certificates.look()
    assert alice is not None
    pem = authority.folder / "used.pem"
    for spoil in (
        lambda: authority.put("bob", used, "pem"),
        lambda: pem.write_bytes((authority.folder / "bob.pem").read_bytes()[:200]),
        lambda: pem.write_bytes(b""),
        pem.unlink,
    ):
        caplog.clear()
        spoil()
        for _ in range(3):
            assert certificates.look() is alice
        (record,) = caplog.records
        assert "the former ones stay in use" in record.getMessage()
        assert str(pem) in record.getMessage()
    authority.put("bob", used)
    assert certificates.look() not in (None, alice)
    assert caplog.records[-1] is record


def test_files_that_were_touched_but_not_changed_are_no_news(authority: Authority) -> None:
    certificates = Certificates(authority.in_use("alice"))
    first = certificates.look()
    authority.put("alice", TLS())
    assert certificates.look() is first


def test_an_encrypted_key_is_said_to_be_one(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    tls = authority.issue("alice")
    authority.encrypt_key("alice")
    assert Certificates(tls).look() is None
    assert "the key is encrypted" in caplog.text
    assert caplog.records[0].levelno == logging.WARNING


def test_a_private_key_is_never_shown(authority: Authority) -> None:
    assert "PRIVATE" not in repr(Certificates(authority.issue("alice")).look())


async def test_without_usable_files_calls_fail_clearly_until_there_are_some(
    users: Users, authority: Authority
) -> None:
    used = authority.in_use("alice")
    (authority.folder / "used.key").unlink()
    upstream = GrpcUpstream(parse_targets(users.etcd.endpoint), Limits(), used)
    for _ in range(2):
        with pytest.raises(UpstreamError) as caught:
            await upstream.unary(RANGE, range_of(b"alice/k"), [], 60)
        assert (caught.value.code, caught.value.message) == (14, UNUSABLE)
    authority.put("alice", used)
    assert await upstream.unary(RANGE, range_of(b"alice/k"), [], 60)
    await upstream.aclose()
