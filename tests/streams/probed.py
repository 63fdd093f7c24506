"""A running application with a gateway, what its clients do, and what is left of them."""

from __future__ import annotations

import json
from base64 import b64decode
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from etcd_asgi.testing import EtcdServer
from tests.hosts.observe import watchers
from tests.hosts.serving import AppServer, until
from tests.hosts.target import text
from tests.streams.post import TIMEOUT, Post

FILE = {"Accept": "application/octet-stream"}
"""The header that makes a snapshot a file."""

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """An application of ``tests/streams/apps``, its gateway at /etcd."""

    server: AppServer
    name: str
    """Of the server."""

    etcd: EtcdServer
    client: httpx.Client
    """One connection, which is always open: it changes no count of files."""

    def post(self, rpc: str, *body: object, **options: Any) -> Post:
        """Begin a streaming call, its body left open."""
        return Post(self.server.host_and_port, f"/etcd/v3/{rpc}", *body, **options)

    def watch(self, key: str, **fields: Any) -> Post:
        """A watch that is there, the body of its request ended."""
        post = self.post("watch", create(key, **fields))
        post.end()
        assert post.result()["created"] is True
        return post

    def socket(self, rpc: str, *messages: object, **options: Any) -> ClientConnection:
        """Open a WebSocket and send *messages*, as JSON unless they are text or bytes."""
        url = f"{self.server.url}/etcd/v3/{rpc}".replace("http", "ws", 1)
        with ExitStack() as stack:
            opening: Any = connect(url, open_timeout=TIMEOUT, **options)
            socket: ClientConnection = stack.enter_context(opening)
            for message in messages:
                socket.send(message if isinstance(message, str | bytes) else json.dumps(message))
            stack.pop_all()
        return socket

    def watch_socket(self, key: str, **options: Any) -> ClientConnection:
        """A watch over WebSocket that is there."""
        socket = self.socket("watch", create(key), **options)
        assert json.loads(socket.recv(TIMEOUT))["result"]["created"] is True
        return socket

    def call(self, rpc: str, message: object) -> Any:
        """A unary call's answer."""
        return self.client.post(f"/etcd/v3/{rpc}", json=message).raise_for_status().json()

    def put(self, key: str, value: str) -> None:
        """Put a key, past the gateway."""
        body = {"key": text(key), "value": text(value)}
        httpx.post(f"{self.etcd.endpoint}/v3/kv/put", json=body, timeout=TIMEOUT).raise_for_status()

    def state(self) -> dict[str, Any]:
        """What there is in the process: see ``apps/probed.py``."""
        state: dict[str, Any] = self.client.get("/state").json()
        return state

    def holds(self, streams: int) -> bool:
        """Whether so many streams are open, in the gateway and in gRPC."""
        state = self.state()
        return [state["streams"], state["calls"]] == [streams, streams]

    def is_at_rest(self) -> bool:
        """Whether no stream, no task and no call is left in the process, and no watcher in etcd."""
        state = self.state()
        left = state["streams"] or state["tasks"] or state["calls"]
        return not left and not (self.etcd.running and watchers(self.etcd))

    def wait_for_rest(self) -> None:
        """Wait until nothing is left."""
        until(self.is_at_rest, "nothing left")


def create(key: str, **fields: Any) -> dict[str, Any]:
    """A request for a watch."""
    return {"create_request": {"key": text(key), **fields}}


def values(result: Any) -> list[str]:
    """The values in the events of a watch's result."""
    return [b64decode(event["kv"]["value"]).decode() for event in result["events"]]
