"""WebSockets through every host, below and beside the mount."""

import json

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from etcd_asgi.testing import EtcdServer
from tests.hosts.observe import wait_for_no_watcher, watchers
from tests.hosts.target import TIMEOUT, Target, text


def open_socket(target: Target, path: str) -> ClientConnection:
    url = target.server.url.replace("http://", "ws://") + path
    return connect(url, open_timeout=TIMEOUT, close_timeout=TIMEOUT)


def test_an_event_arrives_while_the_watch_goes_on(target: Target, key: str) -> None:
    with open_socket(target, f"{target.host.mount}/v3/watch") as socket:
        socket.send(json.dumps({"create_request": {"key": text(key)}}))
        assert json.loads(socket.recv(TIMEOUT))["result"]["created"] is True
        for value in ("one", "two"):
            target.call("/v3/kv/put", {"key": text(key), "value": text(value)})
            (event,) = json.loads(socket.recv(TIMEOUT))["result"]["events"]
            assert (event["kv"]["key"], event["kv"]["value"]) == (text(key), text(value))


def test_a_client_that_leaves_ends_its_watch(target: Target, etcd: EtcdServer, key: str) -> None:
    wait_for_no_watcher(etcd)
    with open_socket(target, f"{target.host.mount}/v3/watch") as socket:
        socket.send(json.dumps({"create_request": {"key": text(key)}}))
        socket.recv(TIMEOUT)
        assert watchers(etcd) == 1
        socket.socket.close()
    wait_for_no_watcher(etcd)


def test_a_path_that_is_no_rpc_is_told_so_and_closed(target: Target) -> None:
    with open_socket(target, f"{target.host.mount}/v3/nothing") as socket:
        assert json.loads(socket.recv(TIMEOUT)) == {"code": 5, "message": "Not Found"}
        with pytest.raises(ConnectionClosed):
            socket.recv(TIMEOUT)


def test_an_upgrade_outside_of_the_versions_is_refused(target: Target) -> None:
    """With 404 where the server knows the extension for it, else with a bare 403."""
    with pytest.raises(InvalidStatus) as refused:
        open_socket(target, f"{target.host.mount}/nothing")
    assert refused.value.response.status_code in (403, 404)


def test_an_upgrade_outside_of_the_mount_is_refused_and_the_host_goes_on(target: Target) -> None:
    with pytest.raises(InvalidHandshake):
        open_socket(target, "/ws")
    assert target.client.get("/livez").status_code == 200
