"""Servers that end while a watch is open: they wait for it no longer than they are told to."""

import signal

import httpx
import pytest

from etcd_asgi.testing import EtcdServer
from tests.hosts.conftest import Serve
from tests.hosts.observe import wait_for_no_watcher
from tests.hosts.serving import SERVERS
from tests.hosts.target import TIMEOUT, text

GRACE = {
    "uvicorn": ("--timeout-graceful-shutdown=1",),
    "hypercorn": ("--graceful-timeout=1",),
    "granian": ("--workers-kill-timeout=1",),
}
"""By default uvicorn and granian wait for ever: see the README."""


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(
    "app",
    [
        pytest.param("tests.hosts.apps.fastapi:app", id="without-lifespan"),
        pytest.param("tests.hosts.apps.dressed:app", id="with-lifespan"),
    ],
)
def test_an_open_watch_does_not_keep_a_server_from_ending(
    serve: Serve, etcd: EtcdServer, app: str, server: str, key: str
) -> None:
    wait_for_no_watcher(etcd)
    running = serve(app, etcd.endpoint, server, *GRACE[server])
    body = {"create_request": {"key": text(key)}}
    url = f"{running.url}/etcd/v3/watch"
    with httpx.stream("POST", url, json=body, timeout=TIMEOUT) as answer:
        assert b"created" in next(answer.iter_bytes())
        assert running.stop() in (0, -signal.SIGTERM)
    assert "Traceback" not in running.log
    wait_for_no_watcher(etcd)
