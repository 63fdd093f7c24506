"""Responses that are too large, or too many at once, and readers that do not read them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from etcd_asgi.testing import EtcdServer
from tests.etcds.quick import QUICK
from tests.etcds.releases import OFFICIAL, binary_of
from tests.hosts.serving import AppServer, until
from tests.hosts.target import text
from tests.streams.post import TIMEOUT

MIB = 1024 * 1024
KEYS = 4
"""Of a MiB each, in the namespace."""

ALL = {"key": text("k"), "range_end": text("l")}
CREATE = {"create_request": {**ALL, "start_revision": 1}}
PREFIXED = {"key": text("bounded/k"), "range_end": text("bounded/l")}
CREATE_PREFIXED = {"create_request": {**PREFIXED, "start_revision": 1}}
TOO_LONG = "and this gateway takes at most 2097152 (Limits.max_answer_bytes): ask for fewer keys"

SHORT = pytest.mark.parametrize(
    ("path", "asked", "watched"),
    [("/short", PREFIXED, CREATE_PREFIXED), ("/short-team", ALL, CREATE)],
)


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServer]:
    """An etcd of these tests alone, with nothing compacted: watches begin at its first revision."""
    log_path = tmp_path_factory.mktemp("large-etcd-") / "etcd.log"
    with EtcdServer(binary_of(OFFICIAL), args=QUICK, log_path=log_path) as server:
        yield server


@pytest.fixture(scope="module")
def served(etcd: EtcdServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    with ExitStack() as stack:
        log_path = tmp_path_factory.mktemp("bounded-") / "server.log"
        env = {"ETCD_URL": etcd.endpoint}
        app = AppServer("tests.streams.apps.bounded:app", env=env, log_path=log_path)
        stack.enter_context(app)
        with httpx.Client(base_url=app.url, timeout=TIMEOUT) as client:
            for number in range(KEYS):
                body = {"key": text(f"k{number}"), "value": "eHh4" * (MIB // 3)}
                client.post("/team/v3/kv/put", json=body).raise_for_status()
            small = {"key": text("small"), "value": text("v")}
            client.post("/team/v3/kv/put", json=small).raise_for_status()
        yield app


@pytest.fixture
def client(served: AppServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=TIMEOUT) as client:
        yield client
        until(lambda: state(client)["held"] == 0, "nothing is held")


def state(client: httpx.Client) -> Any:
    return client.get("/state").json()


def ranges(count: int) -> Any:
    return {"success": [{"request_range": ALL}] * count}


@SHORT
def test_a_response_that_is_too_long_is_refused_with_the_way_out(
    client: httpx.Client, path: str, asked: Any, watched: Any
) -> None:
    for rpc, body in (("range", asked), ("txn", {"success": [{"request_range": asked}]})):
        response = client.post(f"{path}/v3/kv/{rpc}", json=body)
        assert response.status_code == 429
        assert response.json()["code"] == 8
        assert TOO_LONG in response.json()["message"]
    assert client.post(f"{path}/v3/kv/range", json=asked | {"limit": 1}).status_code == 200


@SHORT
def test_a_watch_that_catches_up_with_too_much_ends_with_the_error(
    client: httpx.Client, path: str, asked: Any, watched: Any
) -> None:
    answer = client.post(f"{path}/v3/watch", json=watched).text
    assert TOO_LONG in json.loads(answer.splitlines()[-1])["error"]["message"]
    events = {"Accept": "text/event-stream"}
    answer = client.post(f"{path}/v3/watch", json=watched, headers=events).text
    assert "event: error\n" in answer
    assert TOO_LONG in answer


def test_a_watch_over_get_ends_with_the_error(client: httpx.Client) -> None:
    query = {"key": "k", "range_end": "l", "start_revision": "1", "text": "1"}
    answer = client.get(
        "/short-team/v3/watch", params=query, headers={"Accept": "text/event-stream"}
    )
    assert "event: error\n" in answer.text, answer.text
    assert TOO_LONG in answer.text


@SHORT
@pytest.mark.parametrize("rpc", ["kv/range", "watch"])
def test_over_websocket_the_error_is_a_message(
    served: AppServer, path: str, asked: Any, watched: Any, rpc: str
) -> None:
    url = f"{served.url}{path}/v3/{rpc}".replace("http", "ws", 1)
    with connect(url, max_size=None) as opened:
        opened.send(json.dumps(asked if rpc == "kv/range" else watched))
        received = []
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                received.append(opened.recv(TIMEOUT))
        assert TOO_LONG in str(received[-1])
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013


@pytest.mark.parametrize("text_mode", [False, True])
def test_a_large_response_comes_in_slices_and_whole(client: httpx.Client, text_mode: bool) -> None:
    headers = {"Accept": "application/json; bytes=text"} if text_mode else {}
    with client.stream("POST", "/team/v3/kv/txn", json=ranges(4), headers=headers) as response:
        sizes = [len(chunk) for chunk in response.iter_raw()]
        length = int(response.headers["content-length"])
    assert sum(sizes) == length > 15 * MIB
    found = client.post("/team/v3/kv/txn", json=ranges(4), headers=headers).json()
    assert [len(one["response_range"]["kvs"]) for one in found["responses"]] == [KEYS] * 4
    assert found["responses"][0]["response_range"]["kvs"][0]["key"] in (text("k0"), "k0")


def test_a_large_response_over_websocket_is_one_message(served: AppServer) -> None:
    url = f"{served.url}/team/v3/kv/txn".replace("http", "ws", 1)
    with connect(url, max_size=None) as opened:
        opened.send(json.dumps(ranges(2)))
        found = json.loads(opened.recv(TIMEOUT))
    assert [len(one["response_range"]["kvs"]) for one in found["responses"]] == [KEYS] * 2


def test_many_large_responses_at_once_stay_within_the_budget(
    client: httpx.Client, served: AppServer
) -> None:
    """Each transaction gives 32 MiB, in JSON 43 MiB; all at once would take some 2 GiB."""
    body = json.dumps(ranges(8))

    def attack(_: int) -> int:
        with (
            httpx.Client(base_url=served.url, timeout=TIMEOUT) as one,
            one.stream("POST", "/team/v3/kv/txn", content=body) as response,
        ):
            size = sum(len(chunk) for chunk in response.iter_raw())
        assert response.status_code == 200
        return size

    before = state(client)["memory"]
    statuses = []
    with ThreadPoolExecutor(12) as attackers:
        running = [attackers.submit(attack, number) for number in range(12)]
        while not all(one.done() for one in running):
            small = client.post("/team/v3/kv/range", json={"key": text("small")})
            statuses.append((small.status_code, len(small.json()["kvs"])))
    assert {one.result() > 40 * MIB for one in running} == {True}
    assert set(statuses) == {(200, 1)}
    grown = state(client)["peak"] - before
    assert grown < 400 * MIB, f"{grown / MIB:.0f} MiB"


def test_a_transaction_of_very_many_ranges_is_refused_and_nothing_is_kept(
    client: httpx.Client,
) -> None:
    before = state(client)["memory"]
    response = client.post("/team/v3/kv/txn", json=ranges(60))
    assert response.status_code == 429
    assert "Limits.max_answer_bytes" in response.json()["message"]
    assert state(client)["peak"] - before < 40 * MIB


def test_a_reader_that_takes_nothing_is_given_up(client: httpx.Client, served: AppServer) -> None:
    host, port = served.host_and_port
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        opened.connect((host, port))
        body = json.dumps(ranges(4)).encode()
        head = f"POST /team/v3/kv/txn HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
        opened.sendall(head.encode() + body)
        assert opened.recv(16).startswith(b"HTTP/1.1 200")
        until(lambda: state(client)["held"] == 0, "its bytes are given back")
    assert "a client did not take a response within 1 s" in served.log


def test_a_reader_that_disconnects_gives_its_bytes_back(
    client: httpx.Client, served: AppServer, tmp_path: Path
) -> None:
    for _ in range(5):
        with client.stream("POST", "/team/v3/kv/txn", json=ranges(4)) as response:
            next(response.iter_raw())
    until(lambda: state(client)["held"] == 0, "their bytes are given back")
