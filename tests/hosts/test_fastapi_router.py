"""A router with a gateway: dependencies stand in front of HTTP and of WebSockets."""

import json
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from etcd_asgi import Gateway
from etcd_asgi.contrib.fastapi import gateway_router
from etcd_asgi.testing import EtcdServer
from tests.hosts.conftest import Serve
from tests.hosts.serving import AppServer, until
from tests.hosts.target import TIMEOUT, text

USER = {"x-user": "ada"}
GUARDED = ["/guarded", "/acme/inner/etcd"]


@pytest.fixture(scope="module")
def app(serve: Serve, etcd: EtcdServer) -> AppServer:
    return serve("tests.hosts.apps.routed:app", etcd.endpoint)


def call(app: AppServer, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.post(app.url + path, json={"key": text("k")}, headers=headers, timeout=TIMEOUT)


@pytest.mark.parametrize("mount", GUARDED)
def test_an_exception_of_a_dependency_answers_in_fastapis_form(app: AppServer, mount: str) -> None:
    answer = call(app, f"{mount}/v3/kv/range")
    assert (answer.status_code, answer.json()) == (401, {"detail": "who are you?"})
    assert answer.headers["www-authenticate"] == "Demo"
    assert httpx.get(f"{app.url}{mount}/version").status_code == 401


@pytest.mark.parametrize("mount", GUARDED)
def test_what_a_dependency_leaves_in_the_state_is_seen_by_access(
    app: AppServer, mount: str
) -> None:
    assert call(app, f"{mount}/v3/kv/range", USER).status_code == 200
    grant = httpx.get(f"{app.url}{mount}/grant", headers=USER).json()
    assert grant["user"] == "ada"
    answer = call(app, f"{mount}/v3/kv/range", {"x-user": "nobody"})
    assert (answer.status_code, answer.json()["message"]) == (403, "nobody may do nothing")


def test_a_header_of_a_dependency_is_in_the_answer(app: AppServer) -> None:
    answer = call(app, "/guarded/v3/kv/range", USER)
    assert answer.headers["x-dependency"] == "was here"
    assert len(answer.headers.get_list("content-length")) == 1


@pytest.mark.parametrize("mount", GUARDED)
def test_a_watch_streams_through(app: AppServer, mount: str, etcd: EtcdServer, key: str) -> None:
    """The change is made once the watch has answered: nothing is held back."""
    body = {"create_request": {"key": text(key)}}
    url = f"{app.url}{mount}/v3/watch"
    with httpx.stream("POST", url, json=body, headers=USER, timeout=TIMEOUT) as watch:
        lines = watch.iter_lines()
        assert '"created":true' in next(lines)
        httpx.post(f"{etcd.endpoint}/v3/kv/put", json={"key": text(key)})
        assert text(key) in next(lines)


@pytest.mark.parametrize("mount", ["/etcd", *GUARDED])
def test_a_websocket_goes_through(app: AppServer, mount: str, etcd: EtcdServer, key: str) -> None:
    url = f"{app.url.replace('http', 'ws', 1)}{mount}/v3/watch"
    with connect(url, additional_headers=USER, proxy=None) as socket:
        socket.send(json.dumps({"create_request": {"key": text(key)}}))
        assert '"created":true' in str(socket.recv(timeout=TIMEOUT))
        httpx.post(f"{etcd.endpoint}/v3/kv/put", json={"key": text(key)})
        assert text(key) in str(socket.recv(timeout=TIMEOUT))
    assert "Traceback" not in app.log, app.log


@pytest.mark.parametrize("mount", GUARDED)
def test_a_dependency_refuses_a_websocket_before_it_is_accepted(app: AppServer, mount: str) -> None:
    url = f"{app.url.replace('http', 'ws', 1)}{mount}/v3/watch"
    with pytest.raises(InvalidStatus) as refused, connect(url, proxy=None):
        pass
    assert refused.value.response.status_code == 401


def test_the_paths_are_those_of_a_mount(app: AppServer) -> None:
    assert httpx.get(f"{app.url}/etcd/livez").text == "ok\n"
    unknown = call(app, "/etcd/v3/kv/unknown")
    assert (unknown.status_code, unknown.json()["code"]) == (404, 5)
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        wrong = httpx.request(method, f"{app.url}/etcd/v3/kv/range")
        assert (wrong.status_code, wrong.json()["code"]) == (501, 12)
    assert httpx.get(f"{app.url}/etcd", follow_redirects=True).text == "404 page not found\n"
    assert httpx.get(app.url).json() == {"etcd": "/etcd/v3/kv/range"}


def test_a_body_that_a_dependency_has_read_reaches_etcd_all_the_same(
    app: AppServer, key: str
) -> None:
    body = {"key": text(key), "value": text("v")}
    assert httpx.post(f"{app.url}/body/v3/kv/put", json=body).status_code == 200
    answer = httpx.post(f"{app.url}/body/v3/kv/range", json=body)
    assert answer.json()["kvs"][0]["value"] == text("v")


def test_a_body_that_is_gone_is_a_mistake_that_is_told(serve: Serve, etcd: EtcdServer) -> None:
    app = serve("tests.hosts.apps.routed:app", etcd.endpoint)
    assert call(app, "/stream/v3/kv/range").status_code == 500
    told = "read it with `await request.body()`, or leave it"
    until(lambda: told in app.log, "the mistake in the log")


def test_what_is_no_gateway_is_refused() -> None:
    gateway: Any = Gateway
    with pytest.raises(TypeError, match="takes a Gateway, not type"):
        gateway_router(gateway)
