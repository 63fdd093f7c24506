"""A call passes few modules: so many, and no more, have to be opened to follow one."""

import asyncio
import json
import sys
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import anyio
import httpx
import pytest
from starlette.types import Message

import etcd_asgi
from etcd_asgi import Gateway, Grant
from etcd_asgi.testing import EtcdServer

PACKAGE = Path(etcd_asgi.__file__).parent
KEY = b64encode(b"modules/per/call").decode()


@contextmanager
def modules_run() -> Iterator[set[str]]:
    """Note the modules of the package whose functions run meanwhile, in any task."""
    found: set[str] = set()

    def note(frame: FrameType, event: str, arg: object) -> None:
        if event == "call":
            found.add(frame.f_code.co_filename)

    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(None)
        inside = {one for one in found if Path(one).is_relative_to(PACKAGE)}
        found.clear()
        found |= {Path(one).relative_to(PACKAGE).as_posix() for one in inside}


class Client:
    """A client over ASGI, which disconnects once it has what it waits for."""

    def __init__(self, path: str, body: Any, *, enough: bytes, accept: bytes = b"*/*") -> None:
        self._body = json.dumps(body).encode()
        self._events = [{"type": "http.request", "body": self._body, "more_body": False}]
        self._enough = enough
        self._done = asyncio.Event()
        self.received = b""
        self.scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [
                (b"host", b"localhost"),
                (b"accept", accept),
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(self._body)),
            ],
        }

    async def receive(self) -> Message:
        if self._events:
            return self._events.pop()
        await self._done.wait()
        return {"type": "http.disconnect"}

    async def send(self, event: Message) -> None:
        self.received += event.get("body", b"")
        if self._enough in self.received:
            self._done.set()


async def unary(gateway: Gateway, etcd: str) -> None:
    client = Client("/v3/kv/range", {"key": KEY}, enough=b"header")
    await gateway(client.scope, client.receive, client.send)
    assert b"cluster_id" in client.received


async def watch(gateway: Gateway, etcd: str, accept: bytes = b"*/*") -> None:
    """Watch a key until one change has come."""
    asked = {"create_request": {"key": KEY}}
    client = Client("/v3/watch", asked, enough=b'"kv"', accept=accept)
    watching = asyncio.create_task(gateway(client.scope, client.receive, client.send))
    while b"created" not in client.received:  # noqa: ASYNC110 - nothing sets an event
        await asyncio.sleep(0.001)
    change = {"key": KEY, "value": KEY}
    await asyncio.to_thread(httpx.post, f"{etcd}/v3/kv/put", json=change)
    await watching
    assert b'"kv"' in client.received


async def events(gateway: Gateway, etcd: str) -> None:
    await watch(gateway, etcd, b"text/event-stream")


GRANT = Grant(user="somebody", namespace=b"modules/")


async def access(conn: object) -> Grant:
    return GRANT


GUARDED = {"access": access, "lease_secret": b"s" * 16}


@pytest.mark.parametrize(
    ("settings", "call", "most"),
    [
        pytest.param({}, unary, 15, id="plain unary"),
        pytest.param(GUARDED, unary, 23, id="guarded unary"),
        pytest.param({}, watch, 34, id="watch"),
        pytest.param({}, events, 38, id="watch as events"),
    ],
)
async def test_a_call_passes_few_modules(
    etcd: EtcdServer,
    settings: dict[str, Any],
    call: Callable[[Gateway, str], Awaitable[None]],
    most: int,
) -> None:
    url = etcd.endpoint
    async with Gateway(url, **settings) as gateway:
        with anyio.fail_after(60):
            await call(gateway, url)  # warm
            counted = [await modules_of(call(gateway, url)) for _ in range(5)]
    modules = min(counted, key=len)  # a busy machine makes calls wait, which are then watched
    assert len(modules) <= most, " ".join(sorted(modules))


async def modules_of(call: Awaitable[None]) -> set[str]:
    with modules_run() as modules:
        await call
    return modules
