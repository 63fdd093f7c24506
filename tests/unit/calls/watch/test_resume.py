"""Events of a watch over an upstream that loses it in ways that no etcd does on demand."""

import asyncio
from collections.abc import Callable, Iterator
from threading import get_ident
from typing import Any

import pytest
from google.protobuf.message import Message
from starlette.types import Message as Event

from etcd_asgi import Gateway, Limits, UpstreamError
from etcd_asgi.calls import method
from etcd_asgi.calls.transcoder import Transcoder
from etcd_asgi.etcd import proto
from etcd_asgi.metadata import Metadata
from etcd_asgi.upstream import UpstreamStream

_Request = proto.message_class(proto.message_type("etcdserverpb.WatchRequest"))
_Answer = proto.message_class(proto.message_type("etcdserverpb.WatchResponse"))

GONE = UpstreamError(14, "etcd is not reachable", local=True)


def created(revision: int) -> bytes:
    return _Answer(header={"revision": revision}, created=True).SerializeToString()


def change(revision: int) -> bytes:
    kv = {"key": b"k", "mod_revision": revision}
    return _Answer(header={"revision": revision}, events=[{"kv": kv}]).SerializeToString()


class Stream:
    """It gives *answers*, raises the errors among them, and then is silent."""

    def __init__(self, *answers: bytes | UpstreamError) -> None:
        self._answers = iter(answers)
        self.cancelled = asyncio.Event()
        self.starts: list[int] = []
        self.has_begun_again = asyncio.Event()

    async def send(self, request: bytes) -> bool:
        asked: Any = _Request.FromString(request)
        self.starts.append(asked.create_request.start_revision)
        if len(self.starts) == 2:
            self.has_begun_again.set()
        return True

    async def half_close(self) -> None:
        raise AssertionError("a watch is not half-closed: proxies would end it")

    async def receive(self) -> bytes | None:
        for answer in self._answers:
            if isinstance(answer, UpstreamError):
                raise answer
            return answer
        await self.cancelled.wait()
        raise UpstreamError(1, "context canceled")

    def cancel(self) -> None:
        self.cancelled.set()


class Upstream:
    """It begins *streams*, one after the other, and notes from which revision on."""

    def __init__(self, *streams: Stream) -> None:
        self._streams: Iterator[Stream] = iter(streams)
        self.starts: list[int] = []
        self.has_begun_again = asyncio.Event()

    async def unary(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> bytes:
        raise AssertionError(f"only a watch is asked for here, and {rpc} is none")

    def server_stream(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> UpstreamStream:
        raise AssertionError("a server's stream is half-closed from the start")

    def bidi(self, rpc: str, metadata: Metadata, timeout: float | None) -> UpstreamStream:
        stream = next(self._streams)
        stream.starts, stream.has_begun_again = self.starts, self.has_begun_again
        return stream

    async def aclose(self) -> None:
        """There is nothing to close."""


async def events_of(upstream: Upstream, count: int) -> list[bytes]:
    """The ids of the first *count* events of a watch."""
    ids: list[bytes] = []
    enough = asyncio.Event()
    asked = False

    async def receive() -> Event:
        nonlocal asked
        if asked:
            await enough.wait()
            return {"type": "http.disconnect"}
        asked = True
        return {"type": "http.request"}

    async def send(event: Event) -> None:
        lines = event.get("body", b"").splitlines()
        ids.extend(line.removeprefix(b"id: ") for line in lines if line.startswith(b"id: "))
        if len(ids) == count:
            enough.set()

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v3/watch",
        "raw_path": b"/v3/watch",
        "query_string": b"key=aw==",
        "headers": [(b"accept", b"text/event-stream")],
    }
    async with asyncio.timeout(60):
        await Gateway(upstream, limits=Limits(connect_timeout=0.1))(scope, receive, send)
    return ids


async def test_a_watch_that_is_taken_up_and_not_answered_is_taken_up_again() -> None:
    silent = Stream()
    last = Stream(created(9), change(6))
    upstream = Upstream(Stream(created(4), change(5), GONE), silent, last)
    assert await events_of(upstream, 3) == [b"4", b"5", b"6"]
    assert upstream.starts == [0, 6, 6]
    assert silent.cancelled.is_set()
    assert last.cancelled.is_set()


async def test_a_watch_that_was_answered_may_be_silent_for_as_long_as_nothing_changes() -> None:
    """The time in which an answer must come passes twice, and the watch is the same."""
    quiet = Stream(created(4))
    upstream = Upstream(Stream(created(4), GONE), quiet)
    reading = asyncio.create_task(events_of(upstream, 2))
    await upstream.has_begun_again.wait()
    await asyncio.sleep(0.2)  # for what must not happen meanwhile
    assert not quiet.cancelled.is_set()
    reading.cancel()
    await asyncio.wait({reading})
    assert upstream.starts == [0, 5]


async def test_a_large_answer_leaves_the_event_loop_free(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    class Noting(Transcoder):
        @property
        def parse(self) -> Callable[[bytes], Message]:
            def parse(reply: bytes) -> Message:
                threads.append(get_ident())
                return _Answer.FromString(reply)

            return parse

    monkeypatch.setattr(method, "Transcoder", Noting)
    many = _Answer(events=[{"kv": {"mod_revision": 5, "value": bytes(300_000)}}])
    upstream = Upstream(Stream(created(4), many.SerializeToString()))
    assert await events_of(upstream, 2) == [b"4", b"5"]
    assert threads[0] == get_ident()
    assert threads[1] != get_ident()
