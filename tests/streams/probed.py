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

    opened: ExitStack
    """Closes what a test has opened."""

    def post(self, rpc: str, *body: object, version: str = "v3", **options: Any) -> Post:
        """Begin a streaming call, its body left open."""
        post = Post(self.server.host_and_port, f"/etcd/{version}/{rpc}", *body, **options)
        return self.opened.enter_context(post)

    def whole(self, rpc: str, *body: object, version: str = "v3", **options: Any) -> Post:
        """Begin a streaming call, its body ended."""
        post = self.post(rpc, *body, version=version, **options)
        post.end()
        return post

    def watch(self, key: str, **fields: Any) -> Post:
        """A watch that is there, the body of its request ended."""
        watch = self.whole("watch", create(key, **fields))
        assert watch.result()["created"] is True
        return watch

    def socket(
        self, rpc: str, *messages: object, version: str = "v3", **options: Any
    ) -> ClientConnection:
        """Open a WebSocket and send *messages*, as JSON unless they are text or bytes."""
        url = f"{self.server.url}/etcd/{version}/{rpc}".replace("http", "ws", 1)
        opening: Any = connect(url, open_timeout=TIMEOUT, **options)
        socket: ClientConnection = self.opened.enter_context(opening)
        for message in messages:
            socket.send(message if isinstance(message, str | bytes) else json.dumps(message))
        return socket

    def watch_socket(self, key: str, **options: Any) -> ClientConnection:
        """A watch over WebSocket that is there."""
        socket = self.socket("watch", create(key), **options)
        assert told(socket)["result"]["created"] is True
        return socket

    def call(self, rpc: str, message: object) -> Any:
        """A unary call's answer."""
        return self.client.post(f"/etcd/v3/{rpc}", json=message).raise_for_status().json()

    def put(self, key: str, *values: str) -> None:
        """Put values, past the gateway."""
        with httpx.Client(base_url=self.etcd.endpoint, timeout=TIMEOUT) as client:
            for value in values:
                body = {"key": text(key), "value": text(value)}
                client.post("/v3/kv/put", json=body).raise_for_status()

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


def told(socket: ClientConnection) -> Any:
    """The next message of a WebSocket."""
    return json.loads(socket.recv(TIMEOUT))
