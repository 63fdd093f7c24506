"""The host's decision."""

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import Message

from etcd_asgi import FULL, Denied, Grant, passthrough
from etcd_asgi.asgi.responses import send_denied
from etcd_asgi.calls.bindings import bindings
from etcd_asgi.flavours import flavour
from etcd_asgi.policy.hooks import decide

SCOPE = {"type": "http", "headers": [], "path": "/", "user": "ann"}


async def test_an_async_function_decides() -> None:
    async def access(conn: HTTPConnection) -> Grant:
        return Grant(rpcs=frozenset({"KV.Range"})) if conn.scope["user"] == "ann" else Grant()

    assert (await decide(access, HTTPConnection(SCOPE))).rpcs == {"KV.Range"}


async def test_a_plain_function_decides_in_a_thread_of_its_own() -> None:
    import threading

    threads = []

    def access(conn: HTTPConnection) -> Grant:
        threads.append(threading.current_thread())
        return Grant()

    await decide(access, HTTPConnection(SCOPE))
    assert threads != [threading.current_thread()]


async def test_an_object_with_an_async_call_decides() -> None:
    class Policy:
        async def __call__(self, conn: HTTPConnection) -> Grant:
            return Grant(rpcs=frozenset())

    assert (await decide(Policy(), HTTPConnection(SCOPE))).rpcs == frozenset()


@pytest.mark.parametrize("kind", [HTTPException, type("Own", (HTTPException,), {})])
async def test_the_hosts_own_exception_is_a_refusal_too(kind: type[HTTPException]) -> None:
    async def access(conn: HTTPConnection) -> Grant:
        raise kind(401, "log in first")

    with pytest.raises(Denied) as caught:
        await decide(access, HTTPConnection(SCOPE))
    assert (caught.value.status, caught.value.message) == (401, "log in first")


async def test_anything_but_a_grant_is_no_permission() -> None:
    def access(conn: HTTPConnection) -> Grant:
        return True  # type: ignore[return-value]

    with pytest.raises(TypeError, match="access returned bool, but must return a Grant"):
        await decide(access, HTTPConnection(SCOPE))


def test_passthrough_grants_every_rpc() -> None:
    assert passthrough(HTTPConnection(SCOPE)).rpcs == FULL == {one.name for one in bindings()}


def test_a_grant_of_an_unknown_rpc_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown RPCs \['KV.Get'\]"):
        Grant(rpcs=frozenset({"KV.Get", "KV.Put"}))


def test_denied_takes_error_statuses_alone() -> None:
    with pytest.raises(ValueError, match="400 to 599, not 200"):
        Denied(200)
    assert Denied(401).code == 16
    assert Denied(418).code == 2


async def test_a_refusal_is_answered_with_its_headers_and_they_break_nothing() -> None:
    sent: list[Message] = []

    async def send(event: Message) -> None:
        sent.append(event)

    headers = {"WWW-Authenticate": "Basic", "X-A": "b\r\nset-cookie: c", "Content-Length": "1"}
    await send_denied(send, flavour("3.5"), Denied(401, "log in first", headers))
    told = [one for one in sent[0]["headers"] if one[0] not in (b"content-type", b"content-length")]
    assert told == [(b"www-authenticate", b"Basic"), (b"x-a", b"b  set-cookie: c")]
    assert (b"content-length", b"%d" % len(sent[1]["body"])) in sent[0]["headers"]
