"""Request bodies from hosts that read them first, and give them again in ways of their own."""

import asyncio
from typing import Any

import anyio
import pytest
from starlette.types import Message, Receive

from etcd_asgi.asgi import request_values
from etcd_asgi.asgi.body import RequestBody, disconnected
from etcd_asgi.asgi.request import Request
from etcd_asgi.asgi.request_values import HttpInput, SocketInput
from etcd_asgi.errors import BodyTooLarge, ClientDisconnected, DecodeError
from etcd_asgi.metadata import Headers

LIMIT = 1000


class Replay:
    """A ``receive`` that gives the same body again and again, and never waits."""

    def __init__(self, body: bytes = b'{"key": "aw=="}', most: int = 3) -> None:
        self._message = {"type": "http.request", "body": body, "more_body": False}
        self._most = most
        self.calls = 0

    async def __call__(self) -> Message:
        self.calls += 1
        assert self.calls <= self._most, "it is asked for ever"
        return self._message


class Client:
    """A server's ``receive``: these messages, then the disconnect, then nothing more."""

    def __init__(self, *messages: Message) -> None:
        self._messages = [*messages, {"type": "http.disconnect"}]

    async def __call__(self) -> Message:
        if not self._messages:
            await anyio.sleep_forever()
        return self._messages.pop(0)

    async def send(self, message: Message) -> None:
        raise AssertionError(message)


def request(receive: Receive, headers: Headers = ()) -> Request:
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [*headers]}
    return Request(scope, receive, Client().send)


def chunk(body: bytes, *, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_behind_a_body_that_is_replayed_no_disconnect_is_received() -> None:
    body = RequestBody(request(Replay()))
    assert await body.read(LIMIT, whole=True) == b'{"key": "aw=="}'
    assert (await body.after())["type"] == "http.request"


async def test_the_rest_of_a_body_that_is_replayed_is_not_read_again() -> None:
    receive = Replay()
    body = RequestBody(request(receive))
    await body.read(LIMIT, whole=True)
    await body.skip_rest()
    assert receive.calls == 1


async def test_a_stream_whose_body_is_replayed_has_one_request() -> None:
    source = HttpInput(request(Replay()), LIMIT)
    assert await source.next() == b'{"key": "aw=="}'
    assert await source.next() is None
    assert await source.disconnected() is False


async def test_the_disconnect_of_a_client_is_received_after_the_rest_of_its_body() -> None:
    client = Client(chunk(b"{}", more=True), chunk(b"{}", more=True), chunk(b"", more=False))
    body = RequestBody(request(client))
    assert await body.read(LIMIT, whole=False) == b"{}"
    assert await body.after() == {"type": "http.disconnect"}


async def test_the_disconnect_of_a_client_is_received_after_a_whole_body() -> None:
    client = Client(chunk(b"{}", more=False))
    source = HttpInput(request(client), LIMIT)
    assert [await source.next(), await source.next()] == [b"{}", None]
    assert await source.disconnected() is True


@pytest.mark.parametrize("ended", [True, False])
async def test_a_client_that_has_disconnected_is_noticed_at_once(ended: bool) -> None:
    assert await disconnected(Client(), ended=ended) is True


async def test_a_length_that_no_number_can_hold_is_too_long() -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"{", "more_body": True}

    body = RequestBody(request(receive, [(b"content-length", b"9" * 5000)]))
    with pytest.raises(BodyTooLarge):
        await body.read(100, whole=True)


BRACKETS = b'{"a":[' + b"[]," * 100_000 + b"[]]}"


async def test_others_have_their_turn_while_a_long_message_is_looked_at() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(count())
    messages = Client({"type": "websocket.receive", "bytes": BRACKETS})
    assert await SocketInput(messages, len(BRACKETS)).next() == BRACKETS
    assert turns > 10
    other.cancel()


async def test_a_value_over_the_limit_is_refused_before_all_of_it_was_looked_at() -> None:
    class Seen(bytes):
        """It notes how far it was read."""

        end = 0

        def __getitem__(self, part: object) -> bytes:  # type: ignore[override]
            assert isinstance(part, slice)
            Seen.end = part.stop
            return bytes(self)[part]

        def __add__(self, other: Any) -> "Seen":
            return Seen(bytes(self) + other)

    messages = Client({"type": "websocket.receive", "bytes": Seen(BRACKETS)})
    with pytest.raises(BodyTooLarge):
        await SocketInput(messages, LIMIT).next()
    assert 0 < Seen.end < len(BRACKETS) / 4


async def test_the_rest_of_a_body_is_heard_by_one_reader_alone() -> None:
    """Where a call has taken its time, somebody listens for the disconnect already."""
    readers, most = 0, 0
    messages = [chunk(b"{}", more=True), chunk(b" ", more=True), chunk(b"", more=False)]

    async def receive() -> Message:
        nonlocal readers, most
        readers += 1
        most = max(most, readers)
        await anyio.wait_all_tasks_blocked()
        readers -= 1
        if not messages:
            await anyio.sleep_forever()
        return messages.pop(0)

    body = RequestBody(request(receive))
    assert await body.read(LIMIT, whole=False) == b"{}"
    listener = asyncio.create_task(body.after())
    await asyncio.sleep(0)
    await body.skip_rest()
    assert (body.ended, most) == (True, 1)
    listener.cancel()


@pytest.mark.parametrize("chunk_bytes", [1, 3, 100])
@pytest.mark.parametrize("text", [b"[" * 20_000, b'{"key": "' + b"a" * 20_000, b" " * 20_000])
async def test_a_value_in_many_chunks_is_probed_in_linear_time(
    text: bytes, chunk_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    probed = 0

    def count(begun: bytes) -> None:
        nonlocal probed
        probed += len(begun)

    monkeypatch.setattr(request_values, "check_begun", count)
    chunks = [text[at : at + chunk_bytes] for at in range(0, len(text), chunk_bytes)]
    socket = SocketInput(Client(*({"type": "websocket.receive", "bytes": one} for one in chunks)),
                         10**6)  # fmt: skip
    body = HttpInput(request(Client(*(chunk(one, more=True) for one in chunks))), 10**6)
    for source, sent in ((socket, len(text) + len(chunks)), (body, len(text))):
        probed = 0
        with pytest.raises(ClientDisconnected):
            await source.next()
        assert probed <= 4 * sent + 4 * 4096


@pytest.mark.parametrize("chunk_bytes", [1, 5, 1000])
async def test_a_fault_in_a_small_value_is_reported_before_it_is_whole(chunk_bytes: int) -> None:
    text = b'{"create_request": {"key": nonsense'
    chunks = [text[at : at + chunk_bytes] for at in range(0, len(text), chunk_bytes)]
    source = HttpInput(request(Client(*(chunk(one, more=True) for one in chunks))), LIMIT)
    with pytest.raises(DecodeError):
        await source.next()


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    ("headers", "cause"),
    [
        ([(b"content-length", b"77")], "middleware or a dependency"),
        ([(b"content-length", b"77"), (b"upgrade", b"h2c")], "with `Upgrade: h2c`"),
        ([(b"transfer-encoding", b"chunked"), (b"upgrade", b"h2c")], "with `Upgrade: h2c`"),
        ([(b"content-length", b"7"), (b"upgrade", b"x\ny")], r"with `Upgrade: x\ny`"),
    ],
)
async def test_a_body_that_was_announced_and_is_empty_is_refused(
    headers: list[tuple[bytes, bytes]], cause: str, whole: bool
) -> None:
    for messages in ([chunk(b"", more=False)], [chunk(b"", more=True), chunk(b"", more=False)]):
        with pytest.raises(DecodeError) as refused:
            await RequestBody(request(Client(*messages), headers)).read(LIMIT, whole=whole)
        assert cause in str(refused.value)
        with pytest.raises(DecodeError) as refused:
            await HttpInput(request(Client(*messages), headers), LIMIT).next()
        assert cause in str(refused.value)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"content-length", b"0")],
        [(b"transfer-encoding", b"chunked")],
        [(b"upgrade", b"h2c")],
        [(b"upgrade", b"h2c"), (b"content-length", b"0")],
    ],
)
async def test_a_body_that_is_honestly_empty_is_empty(headers: list[tuple[bytes, bytes]]) -> None:
    read = RequestBody(request(Client(chunk(b"", more=False)), headers)).read(LIMIT, whole=True)
    assert await read == b""
    assert await HttpInput(request(Client(chunk(b"", more=False)), headers), LIMIT).next() is None


async def test_blanks_are_a_body() -> None:
    headers = [(b"content-length", b"3")]
    for messages in (
        [chunk(b"   ", more=False)],
        [chunk(b"  ", more=True), chunk(b" ", more=False)],
    ):
        for whole in (True, False):
            body = await RequestBody(request(Client(*messages), headers)).read(LIMIT, whole=whole)
            assert not body.strip()
        assert await HttpInput(request(Client(*messages), headers), LIMIT).next() is None
