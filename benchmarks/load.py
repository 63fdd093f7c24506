"""The load generator, a process of its own: ``python -m benchmarks.load`` with an order on stdin.

Raw sockets and just enough HTTP, because what the client costs is taken from the two cores that
etcd and the gateway share.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any, cast

from benchmarks import cpu
from benchmarks.answer import Answer

HTTP_OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to send, and for how long."""

    port: int
    path: str
    body: str
    least_answer_bytes: int
    connections: int
    warm_up: float
    """Seconds before the counting begins."""

    seconds: float
    gateway_pids: tuple[int, ...]
    etcd_pids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What came of an order. Times are seconds."""

    requests_per_second: float
    p50: float
    p99: float
    gateway_cpu: float
    """Per request."""

    etcd_cpu: float
    """Per request."""


class Connection(asyncio.Protocol):
    """Sends the request, waits for the whole answer, and so on."""

    def __init__(self, request: bytes, least_answer_bytes: int, took: list[float]) -> None:
        self._request = request
        self._least = least_answer_bytes
        self._took = took
        self._answer = Answer()
        self._sent = 0.0
        self.error: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102
        self.error = self.error or f"the connection ended: {exc}"

    def data_received(self, data: bytes) -> None:  # noqa: D102
        answer = self._answer
        if not answer.feed(data):
            return
        if answer.status != HTTP_OK or answer.body_bytes < self._least:
            self.error = f"status {answer.status}, {answer.body_bytes} bytes: {data[-200:]!r}"
            self.transport.abort()
            return
        self._took.append(perf_counter() - self._sent)
        self._send()

    def _send(self) -> None:
        self._answer = Answer()
        self._sent = perf_counter()
        self.transport.write(self._request)


async def run(order: Order) -> Sample:
    """Carry the order out.

    Raises:
        RuntimeError: an answer was not as it should be.
    """
    took: list[float] = []
    connections = await _connect(order, took)
    await asyncio.sleep(order.warm_up)
    took.clear()
    before, start = _cpu(order), perf_counter()
    await asyncio.sleep(order.seconds)
    after, elapsed, count = _cpu(order), perf_counter() - start, len(took)
    if errors := [one.error for one in connections if one.error]:
        raise RuntimeError(f"{len(errors)} connections failed, the first: {errors[0]}")
    took.sort()
    for one in connections:
        one.transport.abort()
    return Sample(
        requests_per_second=count / elapsed,
        p50=took[count // 2],
        p99=took[count * 99 // 100],
        gateway_cpu=(after[0] - before[0]) / count,
        etcd_cpu=(after[1] - before[1]) / count,
    )


async def _connect(order: Order, took: list[float]) -> list[Connection]:
    head = (
        f"POST {order.path} HTTP/1.1\r\nHost: 127.0.0.1:{order.port}\r\n"
        "Accept: */*\r\nAccept-Encoding: identity\r\nUser-Agent: benchmark\r\n"
        "Connection: keep-alive\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(order.body)}\r\n\r\n"
    )
    request = (head + order.body).encode()
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(
            lambda: Connection(request, order.least_answer_bytes, took), "127.0.0.1", order.port
        )
        for _ in range(order.connections)
    ]
    return [connection for _, connection in made]


def _cpu(order: Order) -> tuple[float, float]:
    return cpu.seconds(order.gateway_pids), cpu.seconds(order.etcd_pids)


def _runner() -> Any:
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run


if __name__ == "__main__":
    order = Order(**json.load(sys.stdin))
    print(json.dumps(asdict(_runner()(run(order)))))
