"""A server that says at a send that nobody is there to read it ends the stream."""

import asyncio
import json

import anyio
import pytest
from starlette.types import Message, Scope

from etcd_asgi import Gateway
from etcd_asgi.testing import EtcdServer
from tests.hosts.observe import ask, watchers
from tests.hosts.target import text
from tests.streams.post import TIMEOUT
from tests.streams.probed import create

HTTP: Scope = {
    "type": "http",
    "method": "POST",
    "path": "/v3/watch",
    "headers": [],
    "query_string": b"",
}
SOCKET: Scope = {**HTTP, "type": "websocket", "subprotocols": []}


class Server:
    """The client stays as far as ``receive`` tells; after some events, it cannot be sent any."""

    def __init__(self, *events: Message, takes: int) -> None:
        self._events = list(events)
        self._takes = takes
        self.sent: list[str] = []

    async def receive(self) -> Message:
        if not self._events:
            await anyio.sleep_forever()
        return self._events.pop(0)

    async def send(self, event: Message) -> None:
        if len(self.sent) >= self._takes:
            raise BrokenPipeError
        self.sent.append(event["type"])


async def nothing_left(etcd: EtcdServer, server: Server, scope: Scope) -> None:
    """Run the gateway to the end of its answer, and see that it leaves no task and no watcher."""
    gateway, before = Gateway(etcd.endpoint), asyncio.all_tasks()
    with anyio.fail_after(TIMEOUT):
        await gateway(scope, server.receive, server.send)
        while watchers(etcd) or asyncio.all_tasks() - before:  # noqa: ASYNC110 - etcd must be asked
            await anyio.sleep(0.02)
    await gateway.aclose()


@pytest.mark.parametrize("takes", [0, 1, 2, 3])
async def test_a_send_that_fails_ends_a_watch_over_post(
    etcd: EtcdServer, key: str, takes: int
) -> None:
    body = json.dumps(request(etcd, key)).encode()
    server = Server({"type": "http.request", "body": body, "more_body": False}, takes=takes)
    await nothing_left(etcd, server, HTTP)
    assert server.sent == ["http.response.start", *["http.response.body"] * 3][:takes]


@pytest.mark.parametrize("takes", [1, 2])
async def test_a_send_that_fails_ends_a_watch_over_websocket(
    etcd: EtcdServer, key: str, takes: int
) -> None:
    received = {"type": "websocket.receive", "text": json.dumps(request(etcd, key))}
    server = Server({"type": "websocket.connect"}, received, takes=takes)
    await nothing_left(etcd, server, SOCKET)
    assert server.sent == ["websocket.accept", "websocket.send"][:takes]


def request(etcd: EtcdServer, key: str) -> object:
    """For a watch that has much to tell: more than one answer holds."""
    put = {"key": text(key), "value": text("x" * 1_000_000)}
    answers = [ask(etcd, "kv/put", put) for _ in range(6)]
    return create(key, fragment=True, start_revision=answers[0]["header"]["revision"])
