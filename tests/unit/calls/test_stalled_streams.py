"""A client that does not take a large message of a stream loses its connection after a time."""

import asyncio
import json
from typing import Any

import anyio
import pytest
from starlette.types import Message, Scope

from etcd_asgi import Gateway, Limits
from etcd_asgi.calls import stream_output
from etcd_asgi.errors import ClientStalled
from etcd_asgi.etcd import proto
from tests.hosts.target import text

CREATE = json.dumps({"create_request": {"key": text("k")}}).encode()


def large_answer() -> bytes:
    response: Any = proto.message_class(proto.message_type("etcdserverpb.WatchResponse"))()
    response.header.revision = 9
    event = response.events.add()
    event.kv.key, event.kv.value, event.kv.mod_revision = b"k", b"v" * 400_000, 9
    answer: bytes = response.SerializeToString()
    return answer


class Stream:
    """A watch that is created, and has much to tell."""

    def __init__(self) -> None:
        created: Any = proto.message_class(proto.message_type("etcdserverpb.WatchResponse"))()
        created.created = True
        self._answers: list[bytes] = [large_answer(), created.SerializeToString()]
        self.cancelled = False

    async def send(self, _request: bytes) -> bool:
        return True

    async def half_close(self) -> None:
        pass

    async def receive(self) -> bytes | None:
        if not self._answers:
            await anyio.sleep_forever()
        return self._answers.pop()

    def cancel(self) -> None:
        self.cancelled = True


class Upstream:
    def __init__(self) -> None:
        self.stream = Stream()

    async def unary(self, *_: object) -> bytes:
        raise AssertionError

    def server_stream(self, *_: object) -> Stream:
        return self.stream

    def bidi(self, *_: object) -> Stream:
        return self.stream

    async def aclose(self) -> None:
        pass


class Client:
    """It sends a request, takes what is small, and nothing that is large."""

    def __init__(self, *events: Message) -> None:
        self._events = list(events)
        self.stalls = asyncio.Event()

    async def receive(self) -> Message:
        if not self._events:
            await anyio.sleep_forever()
        return self._events.pop(0)

    async def send(self, event: Message) -> None:
        if len(event.get("body") or event.get("text") or "") > 100_000:
            self.stalls.set()
            await anyio.sleep_forever()


BODY = {"type": "http.request", "body": CREATE, "more_body": False}
HTTP: Scope = {"type": "http", "method": "POST", "path": "/v3/watch", "query_string": b""}
FORMS = [
    pytest.param({**HTTP, "headers": []}, [BODY], id="lines"),
    pytest.param({**HTTP, "headers": [(b"accept", b"text/event-stream")]}, [BODY], id="events"),
    pytest.param(
        {**HTTP, "type": "websocket", "headers": [], "subprotocols": []},
        [{"type": "websocket.connect"}, {"type": "websocket.receive", "bytes": CREATE}],
        id="socket",
    ),
]


@pytest.mark.parametrize(("scope", "events"), FORMS)
async def test_a_client_that_takes_nothing_of_a_large_message_is_given_up(
    scope: Scope, events: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_output, "LEAST_RATE", 2**40)
    upstream, client = Upstream(), Client(*events)
    gateway = Gateway(upstream, limits=Limits(send_timeout=0.2))
    budget = gateway._shared.budget
    answering = asyncio.create_task(gateway(scope, client.receive, client.send))
    with anyio.fail_after(20):
        await client.stalls.wait()
        assert budget.held > 400_000  # it counts as long as it is not taken
        if scope["type"] == "http":
            with pytest.raises(ClientStalled):  # the server closes the connection
                await answering
        else:
            await answering
    assert budget.held == 0
    assert upstream.stream.cancelled
    assert not len(gateway._streams)
