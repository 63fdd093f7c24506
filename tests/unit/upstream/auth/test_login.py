"""What a login comes to, whatever etcd says, with an upstream in memory."""

from __future__ import annotations

import logging

import pytest

from etcd_asgi import Limits, UpstreamError
from etcd_asgi.deadline import Deadline
from etcd_asgi.testing import FakeUpstream
from etcd_asgi.upstream import SignedUpstream, Tokens
from etcd_asgi.upstream.auth.login import NO_LOGIN
from tests.unit.upstream.users import ADA, AUTHENTICATE, RANGE, message


class Scene:
    def __init__(self) -> None:
        self.etcd = FakeUpstream()
        self.etcd.reply(RANGE, b"here")
        self.tokens = Tokens(self.etcd, Limits())
        self.signed = SignedUpstream(self.etcd, self.tokens, ADA)

    async def ask(self, timeout: float | None = None) -> bytes:
        return await self.signed.unary(RANGE, b"", [("token", "theirs")], timeout)

    def asked(self, rpc: str) -> list[list[tuple[str, str | bytes]]]:
        """The metadata of the calls of *rpc*."""
        return [call.metadata for call in self.etcd.calls if call.rpc == rpc]


async def test_a_call_is_made_with_the_token_of_the_login() -> None:
    scene = Scene()
    scene.etcd.reply(AUTHENTICATE, message("AuthenticateResponse", token="ours"))
    for _ in range(3):
        assert await scene.ask() == b"here"
    assert len(scene.asked(AUTHENTICATE)) == 1
    for metadata in scene.asked(RANGE):
        assert dict(metadata) == {"grpcgateway-accept": "*/*", "token": "ours"}


async def test_an_etcd_without_auth_needs_no_token() -> None:
    scene = Scene()
    scene.etcd.fail(AUTHENTICATE, 9, "etcdserver: authentication is not enabled")
    assert await scene.ask() == b"here"
    assert scene.asked(RANGE) == [[("grpcgateway-accept", "*/*")]]


@pytest.mark.parametrize(("code", "text"), [(14, "etcdserver: no leader"), (8, "etcdserver: full")])
async def test_an_etcd_that_serves_nobody_is_passed_on(code: int, text: str) -> None:
    scene = Scene()
    scene.etcd.fail(AUTHENTICATE, code, text)
    for logins in (1, 2):
        with pytest.raises(UpstreamError) as caught:
            await scene.ask()
        assert (caught.value.args, caught.value.local) == ((code, text), False)
        assert len(scene.asked(AUTHENTICATE)) == logins


async def test_a_login_that_is_refused_is_logged_and_not_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene()
    scene.etcd.fail(AUTHENTICATE, 3, "etcdserver: authentication failed")
    with pytest.raises(UpstreamError) as caught:
        await scene.ask()
    assert (caught.value.args, caught.value.local) == ((14, NO_LOGIN), True)
    (record,) = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert record.name == "etcd_asgi.upstream"
    assert record.getMessage() == "etcd user 'ada' cannot log in: etcdserver: authentication failed"


async def test_a_call_has_the_time_that_its_login_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    now, left = [0.0], []
    monkeypatch.setattr("etcd_asgi.deadline.time.monotonic", lambda: now[0])

    async def sign(_credentials: object, deadline: Deadline) -> str:
        left.append(deadline.remaining())
        now[0] += 20
        return "ours"

    monkeypatch.setattr(scene.tokens, "sign", sign)
    await scene.ask(60)
    assert scene.etcd.calls[-1].timeout == 40
    scene.etcd.fail(RANGE, 16, "etcdserver: invalid auth token")
    with pytest.raises(UpstreamError):
        await scene.ask(100)
    assert [call.timeout for call in scene.etcd.calls[1:]] == [80, 60, 40, 20]
    assert left == [60, 100, 80, 60, 40]
