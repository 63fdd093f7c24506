"""A body that a server withholds, or that middleware has eaten, is never taken for an empty one."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping

import httpx
import pytest

from etcd_asgi.testing import EtcdServer
from tests.hosts.conftest import Serve
from tests.hosts.observe import ask
from tests.hosts.serving import SERVERS, AppServer
from tests.hosts.target import TIMEOUT, Answer, text

UPGRADES: tuple[Mapping[str, str], ...] = (
    {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABk"},
    {"Connection": "Upgrade", "Upgrade": "foo/1"},
    {"Connection": "Upgrade", "Upgrade": "TLS/1.0"},
)
CASES = [
    pytest.param((server, args), id="-".join((server, *args)))
    for server, args in (
        *((server, ()) for server in SERVERS),
        ("uvicorn", ("--http=h11",)),
        ("uvicorn", ("--http=httptools", "--ws=none")),
    )
]


@pytest.fixture(params=CASES, scope="module")
def app(request: pytest.FixtureRequest, serve: Serve, etcd: EtcdServer) -> AppServer:
    server, args = request.param
    return serve("tests.hosts.apps.fastapi:app", etcd.endpoint, server, *args)


def post(
    app: AppServer, path: str, body: bytes, headers: Mapping[str, str], *, chunked: bool = False
) -> Answer | None:
    """POST in one piece, on a connection of its own; ``None``: it was closed without an answer."""
    framing = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(body))}
    sent = {"Host": "localhost", **headers, **framing}
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    if chunked:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    with socket.create_connection(app.host_and_port, timeout=TIMEOUT) as client:
        client.sendall(f"POST /etcd{path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        try:
            response = http.client.HTTPResponse(client)
            response.begin()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(status=response.status, headers=found, body=response.read())
        except (ConnectionError, http.client.HTTPException):
            return None


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("upgrade", UPGRADES, ids=lambda one: one["Upgrade"].replace("/", ""))
def test_beside_an_upgrade_a_body_is_heeded_or_the_request_refused(
    app: AppServer, etcd: EtcdServer, key: str, upgrade: Mapping[str, str], chunked: bool
) -> None:
    put = {"request_put": {"key": text(key), "value": text("v")}}
    body = json.dumps({"success": [put]}).encode()
    answer = post(app, "/v3/kv/txn", body, upgrade, chunked=chunked)
    is_there = "kvs" in ask(etcd, "kv/range", {"key": text(key)})
    if answer is None or answer.status >= 400:
        assert not is_there
        assert answer is None or b"Upgrade" in answer.body or b"etcd" not in answer.body
    elif answer.status == 200:
        assert is_there
        assert "responses" in answer.json
    else:
        assert answer.status == 101
        assert not is_there


@pytest.fixture(scope="module")
def withholding(serve: Serve, etcd: EtcdServer) -> AppServer:
    """uvicorn with httptools hands on no body beside an Upgrade that it does not know."""
    return serve("tests.hosts.apps.fastapi:app", etcd.endpoint)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v3/lease/grant", {"TTL": 77}),
        ("/v3/kv/put", {"key": "aw=="}),
        ("/v3/kv/compaction", {"revision": "1"}),
        ("/v3/maintenance/alarm", {"action": "GET"}),
        ("/v3/maintenance/snapshot", {}),
        ("/v3/watch", {"create_request": {"key": "aw=="}}),
        ("/v3/lease/keepalive", {"ID": "7"}),
        ("/v3beta/lease/grant", {"TTL": 77}),
    ],
)
@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
def test_a_body_that_is_withheld_is_told_on_every_route(
    withholding: AppServer, path: str, body: object, accept: str
) -> None:
    headers = {**UPGRADES[1], "Accept": accept}
    for chunked in (False, True):
        answer = post(withholding, path, json.dumps(body).encode(), headers, chunked=chunked)
        assert answer is not None
        assert (answer.status, answer.json["code"]) == (400, 3)
        assert "with `Upgrade: foo/1` this server hands on no body" in answer.json["message"]


EATERS = ("stream", "raw")


@pytest.fixture(scope="module")
def eaten(serve: Serve, etcd: EtcdServer) -> AppServer:
    return serve("tests.hosts.apps.eating:app", etcd.endpoint)


@pytest.mark.parametrize("eater", EATERS)
@pytest.mark.parametrize("path", ["kv/txn", "lease/grant", "watch", "lease/keepalive"])
def test_a_body_that_middleware_has_eaten_is_refused(
    eaten: AppServer, eater: str, path: str
) -> None:
    for headers in ({}, {"Accept": "text/event-stream"}):
        url = f"{eaten.url}/{eater}/v3/{path}"
        answer = httpx.post(url, json={"TTL": 77}, headers=headers, timeout=TIMEOUT)
        assert (answer.status_code, answer.json()["code"]) == (400, 3)
        assert "middleware or a dependency of the application has read it" in answer.text


@pytest.mark.parametrize("eater", EATERS)
def test_a_body_that_is_honestly_empty_stays_an_empty_message(eaten: AppServer, eater: str) -> None:
    for mount in (f"/{eater}", "/etcd"):
        answer = httpx.post(f"{eaten.url}{mount}/v3/lease/leases", timeout=TIMEOUT)
        assert answer.status_code == 200
        connection = http.client.HTTPConnection(*eaten.host_and_port, timeout=TIMEOUT)
        connection.request(
            "POST", f"{mount}/v3/lease/leases", iter([b""]), {"Transfer-Encoding": "chunked"},
            encode_chunked=True,
        )  # fmt: skip
        assert connection.getresponse().status == 200
        connection.close()
