"""Everything that waits has one of a gateway's places, and a client has a time to say something."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from etcd_asgi.testing import EtcdServer
from tests.hosts.conftest import Serve
from tests.hosts.observe import queue
from tests.hosts.serving import SERVERS, AppServer, until
from tests.hosts.target import TIMEOUT, text

PLACES = 12
"""Of ``apps/scarce.py``."""

SLOW = "no whole request came within 2 s (Limits.request_timeout)"
FULL = (
    f"too many open streams and waiting requests: this gateway takes {PLACES} (Limits.max_streams)"
)


@pytest.fixture(params=SERVERS, scope="module")
def app(request: pytest.FixtureRequest, serve: Serve, etcd: EtcdServer) -> AppServer:
    return serve("tests.hosts.apps.scarce:app", etcd.endpoint, request.param)


@pytest.fixture(autouse=True)
def nothing_is_left(app: AppServer) -> Iterator[None]:
    until(lambda: places(app) == 0, "all places given back")
    yield
    until(lambda: places(app) == 0, "all places given back")
    assert "Traceback" not in app.log, app.log


def places(app: AppServer) -> int:
    return int(httpx.get(f"{app.url}/places", timeout=TIMEOUT).text)


def opened(app: AppServer, path: str) -> ClientConnection:
    return connect(f"{app.url.replace('http', 'ws', 1)}/etcd/v3/{path}", proxy=None)


def begun(app: AppServer, path: str, length: int, body: str, *headers: str) -> socket.socket:
    """A request whose body is announced with *length*, of which *body* is sent."""
    head = [
        f"POST /etcd/v3/{path} HTTP/1.1",
        "Host: localhost",
        f"Content-Length: {length}",
        *headers,
        "",
        body,
    ]
    client = socket.create_connection(app.host_and_port, timeout=TIMEOUT)
    client.sendall("\r\n".join(head).encode())
    return client


def answer_of(client: socket.socket) -> str:
    """The answer, whole; nothing where the server closes the connection instead."""
    with closing(client):
        try:
            response = http.client.HTTPResponse(client)
            response.begin()
            return f"{response.status} {response.read().decode()}"
        except (ConnectionError, http.client.HTTPException):
            return ""


PATHS = ("kv/range", "watch", "lease/keepalive", "maintenance/snapshot")


def test_a_websocket_that_says_nothing_is_closed(app: AppServer) -> None:
    with ExitStack() as stack:
        for client in [stack.enter_context(opened(app, path)) for path in PATHS]:
            assert json.loads(client.recv(timeout=TIMEOUT))["message"] == SLOW
            with pytest.raises(ConnectionClosed) as ended:
                client.recv(timeout=TIMEOUT)
            assert ended.value.rcvd is not None
            assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (1008, SLOW)


def test_a_body_that_does_not_come_ends_with_408(app: AppServer) -> None:
    """granian closes a connection whose request is not received to its end, without an answer."""
    clients = [begun(app, path, 100, body) for path in PATHS for body in ("", '{"key": ')]
    for client in clients:
        answer = answer_of(client)
        if answer or app._server != "granian":
            assert answer.startswith("408 ")
            assert SLOW in answer


@pytest.mark.parametrize("path", ["kv/range", "watch"])
def test_silent_sockets_and_bodies_and_locks_share_the_places(
    app: AppServer, etcd: EtcdServer, held_lock: str, path: str
) -> None:
    with ExitStack() as stack:
        lock = json.dumps({"name": text(held_lock)})
        for _ in range(PLACES // 2):
            stack.enter_context(begun(app, "lock/lock", len(lock), lock))
        until(lambda: queue(etcd, held_lock) == 1 + PLACES // 2, "the waiting clients' keys")
        for _ in range(PLACES // 4):
            stack.enter_context(opened(app, path))
            stack.enter_context(begun(app, path, 100, ""))
        until(lambda: places(app) == PLACES, "every place taken")
        with opened(app, path) as late:
            assert json.loads(late.recv(timeout=TIMEOUT))["message"] == FULL
        assert FULL in answer_of(begun(app, path, 100, "{"))
        # What does not wait needs no place. On a busy machine it may wait after all.
        url = f"{app.url}/etcd/v3/kv/range"
        until(lambda: httpx.post(url, json={"key": text("k")}).is_success, "a quick answer")
    until(lambda: queue(etcd, held_lock) == 1, "the keys of those who disconnected gone")


def test_what_has_not_been_said_ends_with_the_gateway(app: AppServer) -> None:
    with opened(app, "kv/range") as client, begun(app, "kv/put", 100, "{") as half:
        until(lambda: places(app) == 2, "both wait")
        httpx.post(f"{app.url}/close", timeout=TIMEOUT)
        assert "shutting down" in str(client.recv(timeout=TIMEOUT))
        assert b" 503 " in half.recv(65536) or app._server == "granian"


def test_a_body_that_is_too_long_is_refused_before_it_is_asked_for(app: AppServer) -> None:
    """Who waits for ``100 Continue`` has sent nothing yet, and need not."""
    client = begun(app, "kv/put", 20_000, "", "Expect: 100-continue")
    if app._server != "hypercorn":  # it asks for each body by itself
        assert client.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 413"
    answer = answer_of(client)
    assert answer.startswith("413 ")
    assert "--max-request-bytes" in answer
    with begun(app, "kv/put", 20, "", "Expect: 100-continue") as client:
        assert client.recv(65536).startswith(b"HTTP/1.1 100")
        client.sendall(b'{"key": "YQ=="}     ')
        assert b" 200 " in client.recv(65536)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "v3/no/such", 404),
        ("PUT", "v3/kv/put", 501),
        ("DELETE", "v3beta/kv/put", 405),
        ("POST", "elsewhere", 404),
        ("POST", "health", 405),
        ("POST", "client.js", 405),
    ],
)
def test_a_refused_request_with_a_short_body_keeps_its_connection(
    app: AppServer, method: str, path: str, status: int
) -> None:
    """As Go's does: net/http server.go, maxPostHandlerReadBytes."""
    with httpx.Client(base_url=app.url, timeout=TIMEOUT) as client:
        streams = []
        for body in (b"{}", b"x" * 1000):
            answer = client.request(method, f"/etcd/{path}", content=body)
            assert answer.status_code == status
            assert "connection" not in answer.headers
            streams.append(answer.extensions["network_stream"].get_extra_info("socket"))
        assert streams[0] is streams[1]
        long = client.request(method, f"/etcd/{path}", content=b"x" * 300_000)
        assert (long.status_code, long.headers["connection"]) == (status, "close")
