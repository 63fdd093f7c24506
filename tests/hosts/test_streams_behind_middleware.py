"""Middleware of the host around the mount holds no event back, and hides no client that leaves."""

import json

import httpx
import pytest

from etcd_asgi.testing import EtcdServer
from tests.hosts.conftest import Serve
from tests.hosts.observe import ask, wait_for_no_watcher
from tests.hosts.serving import SERVERS, AppServer
from tests.hosts.target import TIMEOUT, text
from tests.streams.post import Post

APPS = [
    pytest.param("tests.hosts.apps.dressed:app", id="fastapi"),
    pytest.param("tests.hosts.apps.dressed_django:app", id="django"),
]
GZIP = {"Accept-Encoding": "gzip"}


def watch(server: AppServer, key: str, mount: str = "/etcd") -> Post:
    """A watch that is there, of a client that would take it compressed."""
    post = Post(server.host_and_port, f"{mount}/v3/watch", headers=GZIP)
    post.send({"create_request": {"key": text(key)}})
    post.end()
    assert post.result()["created"] is True
    return post


def put(etcd: EtcdServer, key: str, value: str) -> None:
    ask(etcd, "kv/put", {"key": text(key), "value": text(value)})


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("app", APPS)
def test_events_come_at_once_through_gzip_and_base_http_middleware(
    serve: Serve, etcd: EtcdServer, app: str, server: str, key: str
) -> None:
    wait_for_no_watcher(etcd)
    running = serve(app, etcd.endpoint, server)
    with watch(running, key) as stream:
        assert stream.headers["x-host"] == "dressed"
        assert stream.headers["cache-control"] == "no-store"
        assert stream.headers["x-accel-buffering"] == "no"
        assert stream.headers.get("content-encoding") in (None, "identity")
        for value in ("one", "two" * 1000):
            put(etcd, key, value)
            (event,) = stream.result()["events"]
            assert event["kv"]["value"] == text(value)
    wait_for_no_watcher(etcd)
    running.stop()
    assert "Traceback" not in running.log, running.log


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("mount", ["/plain/etcd", "/base/etcd"])
def test_middleware_that_gives_the_body_again_and_again_stops_nobody(
    serve: Serve, etcd: EtcdServer, mount: str, server: str, key: str
) -> None:
    """The client's leaving cannot be heard behind it; closing the gateway ends the watch."""
    wait_for_no_watcher(etcd)
    running = serve("tests.hosts.apps.replaying:app", etcd.endpoint, server)
    with watch(running, key, mount) as stream:
        body, url = {"key": text(key), "value": text("one")}, f"{running.url}{mount}/v3/kv/put"
        httpx.post(url, json=body, timeout=TIMEOUT).raise_for_status()
        assert len(stream.result()["events"]) == 1
        httpx.post(f"{running.url}/close", timeout=TIMEOUT).raise_for_status()
        assert json.loads(stream.chunk())["error"]["code"] == 14
        assert stream.chunk() == b""
    wait_for_no_watcher(etcd)
    running.stop()
    assert "Traceback" not in running.log, running.log
