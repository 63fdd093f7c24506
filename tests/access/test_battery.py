"""Requests that want more than their grant, as bytes on a socket: all kinds, under every server.

Whatever one of them asks, it gets an answer, the answer has nothing of others in it, and in the end
others have all they had, the server is up and its log has neither a stack trace nor a value.
"""

from __future__ import annotations

import json
import socket
from base64 import b64decode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from etcd_asgi.testing import EtcdServer
from tests.access.calls import text
from tests.etcds.quick import QUICK
from tests.etcds.releases import OFFICIAL, binary_of
from tests.hosts.serving import SERVERS, AppServer, until
from tests.hosts.target import TIMEOUT

HIDDEN = "nobodys-business"
NEIGHBOURS = ["\0", "/", "/re", "/red", "/red.", "/red0", "/red\x7f", "/redx/k", "/blue/k", "\x7f"]
"""Keys around those under ``/red/``."""

USERS = ["red", "green"]
EVERYTHING = b'{"key": "AA==", "range_end": "AA=="}'
WATCH = b'{"create_request": {"key": "AA==", "range_end": "AA==", "start_revision": 1}}'
WATCHES = 3
"""That a user of the application may have open."""

METHODS = ["POST", "GET", "PUT", "OPTIONS", "HEAD", "DELETE", "TRACE", "BREW", "post"]
PATHS = [
    "/v3/kv/range",
    "//v3/kv/range",
    "/v3/./kv/range",
    "/v3/kv/../kv/range",
    "/v3/kv/%72ange",
    "/v3/kv%2frange",
    "/v3/kv/%2e%2e/kv/range",
    "/v3/kv/range/",
    "/v3/kv/range:",
    "/v3/kv/range%3a",
    "/V3/kv/range",
    "/v3/kv/Range",
    "/v3beta/kv/range",
    "/v3alpha/kv/range",
    "/v3/kv/range;x",
    "/v3/kv/range%00",
    "/v3/kv/range%0a",
    "/v3/kv/range?namespace=&bytes=text",
    "/v3/kv/compaction",
    "/v3/maintenance/snapshot",
    "/v3/maintenance/hash",
    "/v3/auth/enable",
    "/v3/cluster/member/list",
    "/v3/%ff",
    "/v3/" + "a" * 4000,
    "/etcdserverpb.KV/Range",
    "/explorer/../client.js",
    "/explorer/..%2f..%2fgateway.py",
    "/grant",
    "/version",
    "/metrics",
]
EVENTS = [
    "/v3/watch?text=1&prefix=",
    "/v3/watch?key=AA==&range_end=AA==&start_revision=1",
    "/v3/watch?prefix=&last_event_id=1",
]
"""Watches for ``EventSource``; only what is refused comes to an end."""

CROSS_SITE = [
    "cookie: a=b\r\norigin: http://evil",
    "cookie: a=b\r\nsec-fetch-site: cross-site",
    "cookie: a=b\r\norigin: null",
    "authorization: Basic Zm9vOmJhcg==\r\nsec-fetch-site: same-site",
]
HEADERS = [
    "grpc-timeout: x",
    "grpc-timeout: -1S",
    "grpc-timeout: " + "9" * 45 + "H",
    "grpc-metadata-token: root.1",
    "grpc-metadata-foo-bin: !!",
    "grpc-metadata-: x",
    "grpc-metadata-:authority: x",
    "grpc-metadata-grpc-timeout: 1n",
    "x-http-method-override: GET",
    "x-http-method-override: GET\r\ncontent-type: application/x-www-form-urlencoded",
    "x-http-method-override: POST\r\ncontent-type: application/x-www-form-urlencoded",
    "content-type: application/json; bytes=text",
    "content-type: application/json; bytes=other",
    "content-type: application/json\r\ncontent-type: text/plain",
    "accept: application/json; bytes=other",
    "accept: " + "a," * 3000,
    "accept: a;bytes=text," + "a," * 3000,
    "grpc-metadata--bin: AA==",
    "grpc-metadata-bin: AA==",
    "cookie: a=b",
    "cookie: a=b\r\ncontent-type: text/plain; charset=application/json",
    "cookie: a=b\r\ncontent-type: application/json",
    "cookie: a=b\r\norigin: null",
    "cookie: a=b\r\norigin: http://evil\r\norigin: http://host",
    "authorization: Basic Zm9vOmJhcg==",
    "authorization: Bearer \xff",
    "authorization: " + "x" * 8000,
    "x-forwarded-host: a\r\nx-forwarded-host: b",
    "content-length: " + "9" * 100,
    "content-length: -1",
    "upgrade: h2c\r\nconnection: upgrade",
]
BODIES = [
    b'{"key": "aw==", "key": "AA==", "range_end": "AA=="}',
    b'{"range_end": "AA==", "rangeEnd": "AA==", "key": "AA=="}',
    b'{"key": {"base64": "AA=="}, "range_end": "AA=="}',
    b'{"key": "AA==", "range_end": "AA==", "limit": -1, "revision": -5}',
    b'{"key": "AA==", "range_end": "AA==", "limit": 1e400}',
    b'{"key": "AA==", "range_end": "AA==", "limit": ' + b"9" * 3000 + b"}",
    b'{"key": "AA==", "range_end": "AA==", "sort_order": 99, "sort_target": -1}',
    b'{"key": "AA==", "range_end": "AA==", "sort_order": 1, "sort_target": 99}',
    b'{"success": [{"request_put": {"key": "eA=="}, "request_range": {"key": "AA=="}}]}',
    b'{"success": [{"requestRange": {"key": "AA=="}, "request_range": {"key": "AA=="}}]}',
    b'{"success":[{"request_txn":' * 60 + b"{}" + b"}]}" * 60,
    b"[" * 3000 + b"]" * 3000,
    b'{"a":' * 700 + b"1" + b"}" * 700,
    b'{"key": "\\ud800"}',
    b'{"key": "' + b"A" * 5000 + b'"}',
    b"\xff\xfe\x00",
    b"",
    EVERYTHING * 2,
]


def request(
    path: str = "/v3/kv/range",
    *,
    method: str = "POST",
    header: str = "",
    body: bytes = EVERYTHING,
    user: str = "red",
) -> bytes:
    """A request as it is: nothing is decoded, encoded or made right."""
    lines = [f"{method} {path} HTTP/1.1", "host: host", "connection: close"]
    lines += [f"x-user: {user}"] if user else []
    lines += [header] if header else []
    if "content-length" not in header:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1") + body


REQUESTS = {
    "paths": [request(path, method=method) for path, method in product(PATHS, METHODS)],
    "strangers": [request(path, method=method, user="") for path in PATHS for method in METHODS],
    "headers": [request(header=header) for header in HEADERS],
    "headers of what is denied": [
        request("/v3/maintenance/snapshot", header=header) for header in HEADERS
    ],
    "bodies": [
        request(path, body=body) for path in ("/v3/kv/range", "/v3/kv/txn") for body in BODIES
    ],
}


@dataclass(frozen=True, slots=True)
class Scene:
    """A crowded etcd, and the application in front of it."""

    etcd: httpx.Client
    app: AppServer

    def put(self, key: str, value: str) -> None:
        answer = self.etcd.post("/v3/kv/put", json={"key": text(key), "value": text(value)})
        assert answer.status_code == 200

    def others(self) -> dict[bytes, str]:
        """All keys that are no user's, and their values."""
        pairs = self.etcd.post("/v3/kv/range", content=EVERYTHING).json().get("kvs", [])
        found = {b64decode(pair["key"]): pair["value"] for pair in pairs}
        users = tuple(f"/{user}/".encode() for user in USERS)
        return {key: value for key, value in found.items() if not key.startswith(users)}

    def ask(self, sent: bytes) -> bytes:
        """The answer to its end, which must come."""
        with socket.create_connection(self.app.host_and_port, timeout=TIMEOUT) as connection:
            connection.sendall(sent)
            answer = b""
            try:
                while piece := connection.recv(65536):
                    answer += piece
            except ConnectionResetError:  # an answer that came before the body was read
                pass
            return answer

    def watcher(self) -> ClientConnection:
        """An open WebSocket of red's."""
        url = self.app.url.replace("http", "ws", 1) + "/v3/watch"
        return connect(url, additional_headers={"x-user": "red"}, open_timeout=TIMEOUT)


@pytest.fixture(scope="module", params=SERVERS)
def scene(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("battery-")
    with ExitStack() as stack:
        etcd = EtcdServer(binary_of(OFFICIAL), args=QUICK, log_path=folder / "etcd.log")
        stack.enter_context(etcd)
        env = {"ETCD_URL": etcd.endpoint}
        name = "tests.access.hostile_app:alone"
        app = AppServer(name, server=request.param, log_path=folder / "server.log", env=env)
        stack.enter_context(app)
        client = stack.enter_context(httpx.Client(base_url=etcd.endpoint, timeout=TIMEOUT))
        scene = Scene(client, app)
        for key in NEIGHBOURS:
            scene.put(key, HIDDEN)
        before = scene.others()
        assert len(before) == len(NEIGHBOURS)
        yield scene
        assert scene.others() == before
        assert app.process.poll() is None
        assert "Traceback" not in app.log
        assert HIDDEN not in app.log


def test_events_are_neither_for_strangers_nor_for_other_sites(scene: Scene) -> None:
    for path in EVENTS:
        stranger = request(path, method="GET", user="", body=b"")
        assert scene.ask(stranger).startswith(b"HTTP/1.1 401 "), path
        for header in CROSS_SITE:
            answer = scene.ask(request(path, method="GET", header=header, body=b""))
            assert answer.startswith(b"HTTP/1.1 403 "), (path, header)


@pytest.mark.parametrize("kind", REQUESTS)
def test_every_request_is_answered_and_none_gets_out(scene: Scene, kind: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(scene.ask, REQUESTS[kind]))
    for sent, answer in zip(REQUESTS[kind], answers, strict=True):
        assert answer.startswith(b"HTTP/1.1 "), (sent[:200], answer[:200])
        status = int(answer.split()[1])
        assert status < 500 or status in (501, 504), (sent[:200], answer[-300:])
        assert HIDDEN.encode() not in answer
        assert text(HIDDEN).encode() not in answer


def created(socket: ClientConnection) -> Any:
    """What a new watch is answered with."""
    socket.send(WATCH)
    return json.loads(socket.recv(TIMEOUT))


def opened(sockets: Sequence[ClientConnection]) -> int:
    return sum("result" in created(one) for one in sockets)


def test_watches_count_for_all_streams_of_a_user_and_end_with_them(scene: Scene) -> None:
    with suppress(OSError), ExitStack() as stack:  # their end finds them closed
        sockets = [stack.enter_context(scene.watcher()) for _ in range(WATCHES + 2)]
        assert opened(sockets) == WATCHES
        for one in sockets:
            with suppress(OSError):  # some were refused, and are closed
                one.socket.shutdown(socket.SHUT_RDWR)

    def all_are_free() -> bool:
        with ExitStack() as stack:
            return opened([stack.enter_context(scene.watcher()) for _ in range(3)]) == WATCHES

    until(all_are_free, "no watch counts any more")


def test_a_watch_of_everything_has_the_events_of_its_namespace_alone(scene: Scene) -> None:
    with ExitStack() as stack:
        watcher = stack.enter_context(scene.watcher())
        while "result" not in created(watcher):  # its user's former watches may still be ending
            watcher = stack.enter_context(scene.watcher())
        for key in (*NEIGHBOURS, "/red/last"):
            scene.put(key, HIDDEN if key != "/red/last" else "red")
        seen = watcher.recv(TIMEOUT)
    assert text("last") in str(seen)
    assert text(HIDDEN) not in str(seen)


def test_no_answer_is_ever_swapped(scene: Scene) -> None:
    for user in USERS:
        scene.put(f"/{user}/name", user)
    asked = [USERS[at % 2] for at in range(300)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(scene.ask, [request(user=user) for user in asked]))
    for user, answer in zip(asked, answers, strict=True):
        mine, other = user, USERS[1 - USERS.index(user)]
        assert text(mine).encode() in answer
        assert text(other).encode() not in answer
