"""WebSockets of pages, over a socket."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from etcd_asgi.testing import EtcdServer
from tests.access.calls import text
from tests.hosts.serving import AppServer
from tests.hosts.target import TIMEOUT

WATCH = json.dumps({"create_request": {"key": text("origins")}})
VITE = {"origin": "http://localhost:5173"}
"""A development server rewrites Host, so that this is another host's page by its name."""


@pytest.fixture(scope="module")
def url(etcd: EtcdServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log: Path = tmp_path_factory.mktemp("origins-") / "server.log"
    env = {"ETCD_URL": etcd.endpoint}
    with AppServer("tests.access.apps_app:app", log_path=log, env=env) as server:
        yield f"{server.url.replace('http', 'ws')}/v3/watch"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no-browser"),
        pytest.param({"origin": "capacitor://localhost"}, id="app"),
        pytest.param(
            {"origin": "capacitor://localhost", "sec-fetch-site": "cross-site"}, id="app-elsewhere"
        ),
        pytest.param(VITE | {"sec-fetch-site": "same-origin"}, id="behind-vite"),
    ],
)
def test_a_page_that_may_opens_a_watch(url: str, headers: dict[str, str]) -> None:
    with connect(url, additional_headers=headers, open_timeout=TIMEOUT) as socket:
        socket.send(WATCH)
        assert json.loads(socket.recv(TIMEOUT))["result"]["created"] is True


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"origin": "ionic://localhost"}, id="another-app"),
        pytest.param({"origin": "null"}, id="file"),
        pytest.param(VITE, id="behind-vite-in-chromium"),
        pytest.param(VITE | {"sec-fetch-site": "same-site"}, id="same-site"),
        pytest.param({"sec-fetch-site": "cross-site"}, id="without-its-origin"),
    ],
)
def test_a_page_that_may_not_is_told_both_names(url: str, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(url, additional_headers=headers, open_timeout=TIMEOUT)
    response = refused.value.response
    message = json.loads(response.body or b"")["message"]
    host = url.partition("://")[2].partition("/")[0]
    assert response.status_code == 403
    assert headers.get("origin", "another site") in message
    assert f"(this host is {host})" in message
