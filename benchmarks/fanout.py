"""A crowd of watches on one key, and events to all of them."""

from __future__ import annotations

import asyncio
import json
import re
from array import array
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from types import TracebackType
from typing import Self, cast

_KEY = b64encode(b"bench/watched").decode()
_CREATE = json.dumps({"create_request": {"key": _KEY}})
_VALUE = re.compile(rb'"value":"([^"]+)"')
_AT_ONCE = 100
"""Connections that are opened at the same time: less than a listener's backlog."""

_TIMEOUT = 120.0
"""Seconds after which something is taken for lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured."""

    watches: int
    paced: int
    """Events put one by one, each when all watches have the one before."""

    burst: int
    """Events put after that, without waiting."""


async def measure(crowd: Crowd, plan: Plan) -> tuple[Sequence[float], Sequence[float]]:
    """The delays of paced events and of a burst, in seconds, sorted."""
    for _ in range(plan.paced):
        await crowd.put(1)
    paced, crowd.delays = crowd.delays, array("d")
    await crowd.put(plan.burst)
    return sorted(paced), sorted(crowd.delays)


class Crowd:
    """Watches, each on a connection of its own, while the context lasts."""

    def __init__(self, gateway_port: int, etcd_port: int, size: int) -> None:
        """Describe the crowd.

        Args:
            gateway_port: where the watches are.
            etcd_port: where the events are put, past the gateway that is measured.
            size: how many watches.
        """
        self._gateway_port, self._etcd_port = gateway_port, etcd_port
        self._size = size
        self._sent: list[float] = []
        self._watches: list[_Watch] = []
        self.delays = array("d")
        """Of every event to every watch, in seconds."""

    async def __aenter__(self) -> Self:
        for start in range(0, self._size, _AT_ONCE):
            group = [self._open() for _ in range(start, min(start + _AT_ONCE, self._size))]
            self._watches += await asyncio.gather(*group)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for watch in self._watches:
            watch.transport.abort()

    async def put(self, count: int) -> None:
        """Put so many events, and wait until every watch has them all.

        Raises:
            RuntimeError: an event was lost, doubled or out of order, or a watch has ended.
            TimeoutError: an event did not come.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", self._etcd_port)
        for _ in range(count):
            value = b64encode(b"%d" % len(self._sent)).decode()
            body = json.dumps({"key": _KEY, "value": value})
            self._sent.append(perf_counter())
            writer.write(_request("kv/put", body, self._etcd_port))
            await reader.readuntil(b"\r\n\r\n")  # what is left of the answer matters to nobody
        async with asyncio.timeout(_TIMEOUT):
            for watch in self._watches:
                await watch.has(len(self._sent))
        writer.close()

    def came(self, number: int, at: float) -> None:
        """An event has come to a watch."""
        self.delays.append(at - self._sent[number])

    async def _open(self) -> _Watch:
        loop = asyncio.get_running_loop()
        _, watch = await loop.create_connection(
            lambda: _Watch(self, self._gateway_port), "127.0.0.1", self._gateway_port
        )
        async with asyncio.timeout(_TIMEOUT):
            await watch.created
        return watch


class _Watch(asyncio.Protocol):
    """One watch: its request, and the events as they come."""

    def __init__(self, crowd: Crowd, port: int) -> None:
        self._crowd = crowd
        self._port = port
        self._rest = b""
        self._count = 0
        self._wanted = 0
        self._waiter: asyncio.Future[None] | None = None
        self.created: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(_request("watch", _CREATE, self._port))

    def data_received(self, data: bytes) -> None:
        now = perf_counter()
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b'{"result"'):
                self._message(line, now)
            elif line.startswith(b"{"):
                self._fail(f"a watch was answered {line!r}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"the connection of a watch ended: {exc}")

    async def has(self, count: int) -> None:
        """Wait for the event of this number, counted from one."""
        self._wanted = count
        if self._count < count:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def _message(self, line: bytes, now: float) -> None:
        if not self.created.done():
            self.created.set_result(None)
        for value in _VALUE.findall(line):
            number = int(b64decode(value))
            if number != self._count:
                self._fail(f"event {self._count} was expected, and {number} came")
            self._count += 1
            self._crowd.came(number, now)
        if self._waiter is not None and not self._waiter.done() and self._count >= self._wanted:
            self._waiter.set_result(None)

    def _fail(self, why: str) -> None:
        for future in (self.created, self._waiter):
            if future is not None and not future.done():
                future.set_exception(RuntimeError(why))


def _request(path: str, body: str, port: int) -> bytes:
    return (
        f"POST /v3/{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
