"""A server on another event loop than asyncio's: each response says so, and the log once."""

import json
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.hosts.serving import AppServer

TIMEOUT = 20


@pytest.fixture
def on_trio(tmp_path: Path) -> AppServer:
    """hypercorn on trio. No etcd is needed, as no call gets there."""
    return AppServer(
        "tests.streams.apps.probed:app",
        server="hypercorn",
        args=["-k", "trio"],
        env={"ETCD_URL": "http://127.0.0.1:1"},
        log_path=tmp_path / "server.log",
    )


def test_on_trio_every_response_says_that_asyncio_is_needed_and_the_log_says_it_once(
    on_trio: AppServer,
) -> None:
    with on_trio as server, httpx.Client(base_url=server.url, timeout=TIMEOUT) as client:
        large = {"key": "a2V5", "value": "a" * 400_000}
        answers = [
            client.post("/etcd/v3/kv/range", json={"key": "a2V5"}),
            client.post("/etcd/v3/kv/put", json=large),
            client.post("/etcd/v3/watch", json={"create_request": {"key": "a2V5"}}),
            client.post("/etcd/v3/lease/keepalive", json={"ID": 7}),
            client.get(
                "/etcd/v3/watch", params={"key": "a2V5"}, headers={"accept": "text/event-stream"}
            ),
            client.get("/etcd/version"),
            client.get("/etcd/health"),
            client.get("/etcd/readyz"),
        ]
        with (
            connect(f"{server.url}/etcd/v3/watch".replace("http", "ws", 1)) as socket,
            pytest.raises(ConnectionClosed),
        ):
            socket.send(json.dumps({"create_request": {"key": "a2V5"}}))
            socket.recv(TIMEOUT)
    for answer in answers:
        assert answer.status_code == 500
        assert "hypercorn with -k asyncio" in answer.json()["message"]
    assert server.log.count("needs asyncio") == 1
    assert "Traceback" not in server.log
