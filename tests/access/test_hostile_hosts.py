"""A host whose hooks make every kind of mistake: each costs one request, and none opens a door."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from etcd_asgi.testing import EtcdServer
from tests.access.calls import text
from tests.hosts.serving import AppServer
from tests.hosts.target import TIMEOUT

FORBIDDEN = text("forbidden")
WATCH = {"create_request": {"key": FORBIDDEN}}
ALLOWED = {"create_request": {"key": text("allowed")}}
FORMS: dict[str, tuple[str, list[Any]]] = {
    "range": ("/v3/kv/range", [{"key": FORBIDDEN}]),
    "txn": ("/v3/kv/txn", [{"success": [{"request_put": {"key": FORBIDDEN}}]}]),
    "watch": ("/v3/watch", [WATCH]),
    "second watch": ("/v3/watch", [ALLOWED, WATCH]),
}
MISTAKES = ["error", "cancelled", "exit", "odd", "broken-pipe"]
ANSWERS = {
    **dict.fromkeys([*MISTAKES, "nonsense", "redirect"], (500, "internal error")),
    "http": (451, "by law"),
    "denied": (451, "by law"),
}
"""What the client is told of each fault: its status and the words."""


@pytest.fixture(scope="module")
def host(etcd: EtcdServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """It is still there in the end, whatever its hooks did."""
    log: Path = tmp_path_factory.mktemp("hostile-") / "server.log"
    env = {"ETCD_URL": etcd.endpoint}
    with AppServer("tests.access.hostile_app:app", log_path=log, env=env) as server:
        yield server
        assert server.process.poll() is None, server.log


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=TIMEOUT) as client:
        yield client


def post(
    client: httpx.Client, url: str, values: list[Any], headers: dict[str, str]
) -> tuple[int, str]:
    body = "".join(json.dumps(value) for value in values)
    answer = client.post(url, content=body, headers=headers)
    return answer.status_code, answer.text


def converse(url: str, values: list[Any], headers: dict[str, str]) -> tuple[int, str]:
    """The HTTP status of a refusal or the close code, and all that was said."""
    said: list[str] = []
    try:
        address = url.replace("http", "ws", 1)
        with connect(address, additional_headers=headers, open_timeout=TIMEOUT) as socket:
            for value in values:
                socket.send(json.dumps(value))
            while True:
                said.append(str(socket.recv(TIMEOUT)))
    except InvalidStatus as error:
        return error.response.status_code, bytes(error.response.body).decode()
    except ConnectionClosed as error:
        closed = error.rcvd
        assert closed is not None
        return closed.code, " ".join([*said, closed.reason])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("hook", ["sync", "async", "later"])
@pytest.mark.parametrize("place", ["access", "authorize", "later"])
def test_every_fault_of_a_hook_is_answered_and_costs_one_request(
    host: AppServer, client: httpx.Client, place: str, hook: str, form: str
) -> None:
    path, values = FORMS[form]
    for fault, (status, words) in ANSWERS.items():
        headers = {"x-user": "red", "x-fault": f"{place}:{fault}"}
        got, said = post(client, f"{host.url}/{hook}{path}", values, headers)
        has_begun = place == "later" and form == "second watch"
        assert got in ((200, status) if has_begun else (status,)), (fault, said)
        assert words in said, fault
        got, said = converse(f"{host.url}/{hook}{path}", values, headers)
        assert got == (status if place == "access" else 1011), (fault, said)
        assert words in said, fault


@pytest.mark.parametrize("hook", ["sync", "async"])
@pytest.mark.parametrize("place", ["access", "authorize"])
@pytest.mark.parametrize("path", ["/v3/kv/range", "/v3/watch"])
def test_the_headers_of_a_refusal_go_with_it(
    host: AppServer, client: httpx.Client, place: str, hook: str, path: str
) -> None:
    headers = {"x-user": "red", "x-fault": f"{place}:http"}
    answer = client.post(f"{host.url}/{hook}{path}", json=WATCH | {"key": ""}, headers=headers)
    assert (answer.status_code, answer.headers["x-law"]) == (451, "yes")
    assert answer.headers["content-type"] == "application/json"


def test_a_refused_upgrade_has_the_headers_too(host: AppServer) -> None:
    headers = {"x-user": "red", "x-fault": "access:http"}
    url = host.url.replace("http", "ws", 1)
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(f"{url}/sync/v3/watch", additional_headers=headers, open_timeout=TIMEOUT),
    ):
        pass
    assert refused.value.response.headers["x-law"] == "yes"
