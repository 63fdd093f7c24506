"""Clients cannot write into the log: neither a traceback by leaving, nor a line of their own."""

from __future__ import annotations

import socket
import struct

import httpx
import pytest

from etcd_asgi.testing import EtcdServer
from tests.hosts.conftest import Serve
from tests.hosts.serving import SERVERS, AppServer, until
from tests.hosts.target import TIMEOUT, text

CASES = [
    pytest.param((server, args), id="-".join((server, *args)))
    for server, args in (
        *((server, ()) for server in SERVERS),
        ("uvicorn", ("--loop=uvloop", "--http=httptools")),
        ("uvicorn", ("--loop=asyncio", "--http=h11")),
    )
]


@pytest.fixture(params=CASES, scope="module")
def app(request: pytest.FixtureRequest, serve: Serve, etcd: EtcdServer) -> AppServer:
    server, args = request.param
    return serve("tests.hosts.apps.scarce:app", etcd.endpoint, server, *args)


def request_for(path: str, body: str, method: str = "POST") -> bytes:
    head = f"{method} /etcd/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n{body}".encode()


REQUESTS = [
    request_for("v3/kv/range", f'{{"key": "{text("k")}"}}'),
    request_for("v3/kv/range", '{"key": 1}'),
    request_for("v3/kv/put", "x" * 20_000),
    request_for("v3/nothing", "{}"),
    request_for("v3/kv/range", "{}", "PUT"),
    request_for("health", "", "GET"),
    request_for("version", "", "GET"),
    request_for("client.js", "", "GET"),
    request_for("v3/watch", f'{{"create_request": {{"key": "{text("k")}"}}}}'),
]


def reset(client: socket.socket) -> None:
    """Close a connection so that the server is told of an error."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def is_answered(app: AppServer) -> bool:
    """Tell whether a request is answered: it is refused while there are too many streams."""
    answer = httpx.post(f"{app.url}/etcd/v3/kv/range", json={"key": text("k")}, timeout=TIMEOUT)
    assert answer.status_code in (200, 429)
    return answer.status_code == 200


def test_a_client_that_resets_its_connection_logs_no_traceback(app: AppServer) -> None:
    for first in REQUESTS:
        for second in REQUESTS[:4]:
            for _ in range(3):
                client = socket.create_connection(app.host_and_port, timeout=TIMEOUT)
                client.sendall(first + second)
                reset(client)
    until(lambda: is_answered(app), "an answer: no stream of those who have left holds a place")
    assert "Traceback" not in app.log, app.log


def test_no_line_of_the_log_begins_with_a_clients_words(app: AppServer) -> None:
    for path in ("v3/kv/range%0aFORGED", "explorer/%0d%0aFORGED", "%0aFORGED", "v3%0aFORGED/kv"):
        for method in ("GET", "POST"):
            httpx.request(method, f"{app.url}/etcd/{path}", timeout=TIMEOUT)
    assert not [line for line in app.log.splitlines() if line.startswith("FORGED")]
