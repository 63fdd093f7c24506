"""The transports that the contract is for, each with the service at its other end.

Another transport is added to ``SCENES``.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass

from etcd_asgi import Limits
from etcd_asgi.upstream import Target, parse_targets
from etcd_asgi.upstream.grpcio.transport import GrpcTransport
from etcd_asgi.upstream.transport import Transport
from tests.unit.upstream.contract.service import Service
from tests.unit.upstream.fake_transport import FakeTransport

LIMITS = Limits(
    connect_timeout=1, max_reconnect_delay=0.05, max_answer_bytes=8_000_000, close_timeout=0.01
)


@dataclass(frozen=True, slots=True)
class Scene:
    """A transport, what it can reach, and what it cannot."""

    transport: Transport
    target: Target
    nowhere: Target
    lose: Callable[[], None]
    """Breaks the connections under way."""


MakeScene = Callable[[int], AbstractAsyncContextManager[Scene]]
"""Given the port of the gRPC server."""


def target_of(port: int) -> Target:
    return parse_targets(f"http://127.0.0.1:{port}")[0]


def nowhere() -> Target:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return target_of(listener.getsockname()[1])


@asynccontextmanager
async def fake(port: int) -> AsyncIterator[Scene]:
    transport, away = FakeTransport(Service().fake(), LIMITS), nowhere()
    transport.away.add(away)
    yield Scene(transport, target_of(port), away, transport.lose)


@asynccontextmanager
async def grpcio(port: int) -> AsyncIterator[Scene]:
    line = Line(port)
    async with await asyncio.start_server(line.join, "127.0.0.1", 0) as server:
        there = target_of(server.sockets[0].getsockname()[1])
        yield Scene(GrpcTransport(LIMITS), there, nowhere(), line.lose)
        line.lose()


class Line:
    """Joins connections to those of a server, until they are lost."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ends: set[asyncio.StreamWriter] = set()

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        self._ends |= {writer, back}
        await asyncio.gather(_pass(reader, back), _pass(there, writer))

    def lose(self) -> None:
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    writer.close()


SCENES: dict[str, MakeScene] = {"fake": fake, "grpcio": grpcio}
