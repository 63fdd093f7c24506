"""The gateway in front of an upstream that does what no etcd does on demand."""

import asyncio
import gc
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from threading import get_ident
from typing import Any

import anyio
import pytest
from google.protobuf.message import Message as Request
from starlette.requests import HTTPConnection
from starlette.types import Message, Scope

from etcd_asgi import Gateway, Grant, Limits, UpstreamError
from etcd_asgi.codec.decode.go import decoder
from etcd_asgi.errors import DecodeError
from etcd_asgi.metadata import Metadata
from etcd_asgi.policy.admission import Rules
from etcd_asgi.policy.grant import Access, passthrough
from etcd_asgi.upstream import UpstreamStream

RANGE = b'{"key": "YQ=="}'


class Upstream:
    """It gives the reply of a function, and notes the calls."""

    def __init__(self, reply: Callable[[], bytes]) -> None:
        self._reply = reply
        self.timeouts: list[float | None] = []

    async def unary(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> bytes:
        self.timeouts.append(timeout)
        return self._reply()

    def server_stream(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> UpstreamStream:
        raise AssertionError(f"no stream is begun here, and {rpc} is one")

    def bidi(self, rpc: str, metadata: Metadata, timeout: float | None) -> UpstreamStream:
        raise AssertionError(f"no stream is begun here, and {rpc} is one")

    async def aclose(self) -> None:
        """There is nothing to close."""


def scope(path: str, **more: Any) -> Scope:
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        **more,
    }


class Exchange:
    """One request: *chunks* of its body come one by one, slowly, and what is sent is kept."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = list(chunks)
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        if not self._chunks:
            await asyncio.Event().wait()
        await asyncio.sleep(0.01)
        body = self._chunks.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(self._chunks)}

    async def send(self, event: Message) -> None:
        self.sent.append(event)

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    @property
    def body(self) -> Any:
        return json.loads(self.sent[1]["body"])


def fail() -> bytes:
    raise RuntimeError("an error")


async def test_an_error_is_reported_in_the_form_of_the_path() -> None:
    for path, members in (("/v3/kv/range", 2), ("/v3beta/kv/range", 3)):
        exchange = Exchange(b"{}")
        await Gateway(Upstream(fail))(scope(path), exchange.receive, exchange.send)
        assert (exchange.status, exchange.body["code"], len(exchange.body)) == (500, 13, members)


async def test_a_client_that_disconnects_during_its_response_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Servers of ASGI 2.4 on raise then."""
    for reply in (bytes, fail_in_etcd):
        exchange, calls = Exchange(b"{}"), 0

        async def disconnected(_event: Message) -> None:
            nonlocal calls
            calls += 1
            raise OSError("nobody is there")

        with caplog.at_level(logging.INFO):
            await Gateway(Upstream(reply))(scope("/v3/kv/range"), exchange.receive, disconnected)
        assert calls == 1
    assert not caplog.records


def fail_in_etcd() -> bytes:
    raise UpstreamError(3, "etcdserver: key is not provided")


async def test_the_deadline_of_a_call_counts_all_that_it_waits_for() -> None:
    """The body, and the host's functions."""

    async def access(conn: HTTPConnection) -> Grant:
        return Grant(namespace=b"/a/")

    async def authorize(conn: HTTPConnection, rpc: str, message: Request) -> None:
        await asyncio.sleep(0.02)

    upstream = Upstream(bytes)
    gateway = Gateway(upstream, access=access, authorize=authorize)
    exchange = Exchange(RANGE[:5], RANGE[5:])
    headers = [(b"grpc-timeout", b"60S"), (b"content-type", b"application/json")]
    await gateway(scope("/v3/kv/range", headers=headers), exchange.receive, exchange.send)
    (remaining,) = upstream.timeouts
    assert remaining is not None
    assert remaining < 60 - 0.03


async def bounded(conn: HTTPConnection) -> Grant:
    return Grant(namespace=b"/a/")


@pytest.mark.parametrize("access", [passthrough, bounded])
async def test_a_body_that_can_be_slow_to_read_leaves_the_event_loop_free(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unpadded base64 is for the exact reader, which takes its time."""
    threads: list[int] = []

    def noted(*given: Any, **more: Any) -> Any:
        threads.append(get_ident())
        return read(*given, **more)

    read = decoder.decode
    monkeypatch.setattr(decoder, "decode", noted)
    gateway = Gateway(Upstream(bytes), access=access)
    for size in (100, Limits().offload_body_bytes):
        exchange = Exchange(b'{"key": "YQ", "unknown": "%s"}' % (b"x" * size))
        headers = [(b"content-type", b"application/json")]
        asked = scope("/v3/kv/range", headers=headers)
        await gateway(asked, exchange.receive, exchange.send)
        assert exchange.status == 200
    assert threads[0] == get_ident()
    assert threads[1] != get_ident()


async def test_without_the_raw_path_a_slash_at_the_end_is_the_clients() -> None:
    gateway = Gateway(Upstream(bytes), explorer=True)
    for path, status in (("/explorer/", 200), ("/v3/kv/range/", 404)):
        exchange = Exchange(b"{}")
        method = "GET" if status == 200 else "POST"
        asked = scope(path, raw_path=None, method=method)
        await gateway(asked, exchange.receive, exchange.send)
        assert exchange.status == status


def test_the_lease_secret_is_in_no_repr() -> None:
    assert "hush" not in repr(Rules(lease_secret=b"hush"))


PLAIN: list[tuple[bytes, bytes]] = []
WITH_A_DEADLINE = [(b"grpc-timeout", b"60S")]


@pytest.mark.parametrize("headers", [PLAIN, WITH_A_DEADLINE], ids=["plain", "deadline"])
@pytest.mark.parametrize("chunks", [1, 2])
async def test_a_body_may_be_as_long_as_the_limit_and_no_longer(
    headers: list[tuple[bytes, bytes]], chunks: int
) -> None:
    gateway = Gateway(Upstream(bytes), limits=Limits(max_body_bytes=20))
    for length, status in ((20, 200), (21, 413)):
        body = b'{"key": "aw=="}'.ljust(length)
        parts = [body] if chunks == 1 else [body[:7], body[7:]]
        exchange = Exchange(*parts)
        await gateway(scope("/v3/kv/range", headers=headers), exchange.receive, exchange.send)
        assert exchange.status == status


FOUND = b"\x0a\x02\x18\x07\x12\x09\x0a\x01k\x10\x01\x18\x02\x20\x01\x20\x01"
"""A ``RangeResponse`` at revision 7, with the key ``k`` and no value."""


@pytest.mark.parametrize("reply", [lambda: FOUND, fail_in_etcd], ids=["found", "error"])
@pytest.mark.parametrize("body", [b'{"key": "aw=="}', b" {} ", b"", b'{"key"', b'{"key": 1}'])
@pytest.mark.parametrize("path", ["/v3/kv/range", "/v3beta/kv/range"])
async def test_a_body_in_one_chunk_and_in_two_has_the_same_response(
    path: str, body: bytes, reply: Callable[[], bytes]
) -> None:
    gateway, responses = Gateway(Upstream(reply)), []
    for headers in (PLAIN, WITH_A_DEADLINE):
        for chunks in ([body], [body[:3], body[3:]]):
            exchange = Exchange(*chunks)
            await gateway(scope(path, headers=headers), exchange.receive, exchange.send)
            responses.append(exchange.sent)
    assert responses == responses[:1] * 4


async def test_a_client_that_disconnects_before_its_body_gets_an_error() -> None:
    """Middleware of the host may insist on a response."""

    async def disconnected() -> Message:
        return {"type": "http.disconnect"}

    for headers in (PLAIN, WITH_A_DEADLINE):
        exchange = Exchange()
        gateway = Gateway(Upstream(fail))
        await gateway(scope("/v3/kv/range", headers=headers), disconnected, exchange.send)
        assert (exchange.status, exchange.body["code"]) == (499, 1)


@pytest.mark.parametrize("path", ["/v3/kv/range", "/v3/watch", "/v3beta/kv/range:"])
async def test_a_header_that_cannot_be_read_is_reported(path: str) -> None:
    exchange = Exchange(b"{}")
    headers = [(b"grpc-timeout", b"soon")]
    await Gateway(Upstream(fail))(scope(path, headers=headers), exchange.receive, exchange.send)
    assert (exchange.status, exchange.body["code"]) == (400, 3)
    assert exchange.body["message"] == "invalid grpc-timeout: soon"


@pytest.mark.parametrize("headers", [PLAIN, WITH_A_DEADLINE], ids=["plain", "deadline"])
async def test_a_call_whose_client_disconnects_is_cancelled_and_forgotten(
    headers: list[tuple[bytes, bytes]],
) -> None:
    upstream, client = Slow(), Leaving(b"{}")
    gateway = Gateway(upstream)
    with anyio.fail_after(10):
        await gateway(scope("/v3/kv/put", headers=headers), client.receive, client.send)
    assert (client.status, client.body["code"], upstream.cancelled) == (499, 1, 1)
    assert len(gateway._monitor) == 0


class Slow(Upstream):
    """Puts take for ever, and ranges *seconds*."""

    def __init__(self, seconds: float = 0) -> None:
        super().__init__(bytes)
        self._seconds = seconds
        self.cancelled = 0

    async def unary(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> bytes:
        try:
            await (anyio.sleep_forever() if rpc.endswith("Put") else asyncio.sleep(self._seconds))
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return b""


class Leaving(Exchange):
    """A client that disconnects when it has its response, or after so many seconds."""

    def __init__(self, *chunks: bytes, patience: float = 0.1) -> None:
        super().__init__(*chunks)
        self.disconnects = asyncio.Event()
        self._patience = patience

    async def receive(self) -> Message:
        if self._chunks:
            return await super().receive()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.disconnects.wait(), self._patience)
        return {"type": "http.disconnect"}

    async def send(self, event: Message) -> None:
        await super().send(event)
        if event["type"] == "http.response.body":
            self.disconnects.set()


@pytest.mark.parametrize("seconds", [0, 0.1])
async def test_a_function_of_the_host_may_ask_the_same_gateway(seconds: float) -> None:
    """Both calls are one task's, and the client's disconnect ends the outer one."""

    async def authorize(conn: HTTPConnection, rpc: str, message: Request) -> None:
        if rpc == "KV.Put":
            inner = Exchange(b"{}")
            headers = [(b"content-type", b"application/json")]
            await gateway(scope("/v3/kv/range", headers=headers), inner.receive, inner.send)
            assert inner.status == 200

    upstream = Slow(seconds)
    gateway, client = Gateway(upstream, authorize=authorize), Leaving(b"{}")
    headers = [(b"content-type", b"application/json")]
    with anyio.fail_after(10):
        await gateway(scope("/v3/kv/put", headers=headers), client.receive, client.send)
    assert (client.status, upstream.cancelled) == (499, 1)


async def test_a_task_goes_on_after_calls_in_which_there_were_others() -> None:
    """Servers report to those who still listen that the request is over."""

    async def authorize(conn: HTTPConnection, rpc: str, message: Request) -> None:
        if rpc == "KV.DeleteRange":
            await asyncio.sleep(0.06)
            inner = Exchange(b"{}")
            await gateway(scope("/v3/kv/range", headers=headers), inner.receive, inner.send)

    headers = [(b"content-type", b"application/json")]
    gateway, client = Gateway(Slow(0.06), authorize=authorize), Leaving(b"{}", patience=10)
    await gateway(scope("/v3/kv/deleterange", headers=headers), client.receive, client.send)
    assert client.status == 200
    await asyncio.sleep(0.1)  # nobody cancels it


def test_a_call_that_is_freed_after_its_loop_was_closed_says_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateway = Gateway(Slow())

    async def call(path: str) -> None:
        exchange = Exchange(b"{}")
        await gateway(scope(path), exchange.receive, exchange.send)

    loop = asyncio.new_event_loop()
    under_way = loop.create_task(call("/v3/kv/put"))
    loop.run_until_complete(asyncio.sleep(0.05))
    loop.close()
    asyncio.run(call("/v3/kv/range"))
    del under_way
    gc.collect()
    assert [one.message for one in caplog.records if one.name == "etcd_asgi"] == []


async def test_a_client_that_has_disconnected_is_no_error_wherever_it_is_noticed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def disconnected(_event: Message) -> None:
        raise OSError("nobody is there")

    class Broken(Exchange):
        async def receive(self) -> Message:
            if len(self._chunks) == 1:
                raise ConnectionResetError
            return await super().receive()

    gateway = Gateway(Upstream(bytes))
    half = Broken(b'{"key": 1}', b"never")
    await gateway(scope("/v3/kv/range"), half.receive, half.send)
    assert not half.sent
    assert not caplog.records
    asked = scope("/v3/kv/range", headers=[(b"grpc-timeout", b"x")])
    await gateway(asked, Exchange(b"{}").receive, disconnected)


@pytest.mark.parametrize("path", ["/v3/kv/range", "/v3/watch", "/grant"])
async def test_what_a_function_of_the_host_raises_is_not_reported(path: str) -> None:
    def access(conn: HTTPConnection) -> Grant:
        raise DecodeError("secret of the host")

    exchange = Exchange(b"{}")
    asked = scope(path, method="GET" if path == "/grant" else "POST")
    await Gateway(Upstream(fail), access=access)(asked, exchange.receive, exchange.send)
    assert (exchange.status, exchange.body["message"]) == (500, "internal error")
