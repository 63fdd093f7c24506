"""A client that has disconnected is no error, in whichever way the server says so."""

import logging
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message, Scope
from starlette.websockets import WebSocketDisconnect

from etcd_asgi import Gateway, Grant
from etcd_asgi.metadata import Metadata

PATHS = ["/v3/kv/range", "/v3/nothing", "/v3/watch", "/health", "/version", "/grant", "/client.js",
         "/elsewhere"]  # fmt: skip


class Upstream:
    """It replies to everything with an empty message."""

    async def unary(self, rpc: str, request: bytes, metadata: Metadata, timeout: Any) -> bytes:
        return b""

    def server_stream(self, *_: object) -> Any:
        raise AssertionError

    def bidi(self, *_: object) -> Any:
        raise AssertionError

    async def aclose(self) -> None:
        pass


class Client:
    """It sends a whole request and disconnects before the response; the server *raises* that."""

    def __init__(self, raises: Exception, *, stays: bool = False) -> None:
        self._raises = raises
        self._events = [{"type": "http.request", "body": b"{", "more_body": False}]
        self._after = "http.request" if stays else "http.disconnect"

    async def receive(self) -> Message:
        return self._events.pop(0) if self._events else {"type": self._after}

    async def send(self, _event: Message) -> None:
        raise self._raises


def scope(path: str, method: str) -> Scope:
    return {"type": "http", "method": method, "path": path, "query_string": b"", "headers": []}


@pytest.mark.parametrize("access", [None, lambda _: Grant(user="u")], ids=["open", "guarded"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "raised",
    [
        OSError("gone"),
        RuntimeError("unable to perform operation on <TCPTransport closed=True>"),
        ValueError("the handler is closed"),
        ClientDisconnect(),
        Exception("whatever"),
    ],
    ids=lambda one: type(one).__name__,
)
async def test_an_error_of_send_after_a_disconnect_is_not_logged(
    path: str, method: str, raised: Exception, access: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings = {} if access is None else {"access": access}
    gateway, client = Gateway(Upstream(), **settings), Client(raised)
    await gateway(scope(path, method), client.receive, client.send)
    assert not caplog.records


async def test_an_error_of_send_to_a_client_that_is_there_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = Client(RuntimeError("a fault of middleware"), stays=True)
    await Gateway(Upstream())(scope("/v3/kv/range\n", "POST"), client.receive, client.send)
    (record,) = caplog.records  # without a traceback, as not every server reports a disconnect
    assert record.exc_info is None
    assert "'/v3/kv/range\\n'" in record.getMessage()
    assert "RuntimeError('a fault of middleware')" in record.getMessage()


@pytest.mark.parametrize("access", [None, lambda _: Grant(user="u")], ids=["open", "guarded"])
@pytest.mark.parametrize("path", ["/v3/kv/range", "/v3/watch", "/v3beta/kv/range"])
@pytest.mark.parametrize("before", [0, 1])
async def test_a_disconnect_that_receive_raises_is_not_logged(
    path: str, before: int, access: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Starlette's Request, which middleware reads bodies with, raises ClientDisconnect."""
    events = [{"type": "http.request", "body": b'{"key": ', "more_body": True}][:before]

    async def receive() -> Message:
        if not events:
            raise ClientDisconnect
        return events.pop()

    async def send(_event: Message) -> None:
        pass

    settings = {} if access is None else {"access": access}
    await Gateway(Upstream(), **settings)(scope(path, "POST"), receive, send)
    assert not caplog.records


@pytest.mark.parametrize("path", ["/v3/kv/range", "/v3/watch", "/v3/nothing"])
@pytest.mark.parametrize("raised", [WebSocketDisconnect(), OSError("gone")])
@pytest.mark.parametrize("sends", [True, False])
async def test_a_websocket_whose_client_has_disconnected_is_not_logged(
    path: str, raised: Exception, sends: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """In receive as in send, and before the handshake is over as well as after."""
    events: list[Message] = [{"type": "websocket.connect"}]

    async def receive() -> Message:
        if not events:
            raise raised
        return events.pop()

    async def send(_event: Message) -> None:
        if not sends:
            raise RuntimeError("unable to perform operation on a closed transport")

    socket = {**scope(path, "GET"), "type": "websocket", "subprotocols": []}
    await Gateway(Upstream())(socket, receive, send)
    assert not caplog.records
