"""Memory after many clients that ask and leave: ``python -m benchmarks.aborts``.

Every client asks for a value of 1.1 MB on a connection of its own, and closes it within 60 ms, most
of them while the response is on its way. What the gateway's process holds is told after each
thousand, so that what is not given back shows as growth. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import Request, urlopen

from benchmarks import machine
from benchmarks.contestants import KINDS, running
from benchmarks.memory import resident_bytes
from etcd_asgi.testing import EtcdServer, find_etcd

_MIB = 1024 * 1024
_KEY = b64encode(b"aborts").decode()
_VALUE_BYTES = 1_100_000
_PATIENCE = 0.06
"""Seconds within which a client leaves."""

_ROUND = 1000
_KINDS = {kind.name: kind for kind in KINDS if kind.name in ("uvicorn", "granian")}


def main() -> None:
    """Read the arguments, measure, print."""
    options = _options()
    etcd = options.etcd or find_etcd()
    with (
        EtcdServer(etcd, args=("--unsafe-no-fsync", "--log-level", "error")) as server,
        TemporaryDirectory() as folder,
        running(_KINDS[options.server], server.client_port, Path(folder)) as contestant,
    ):
        _put(server.client_port)
        print(machine.describe(server.version))
        print(f"\n{contestant.title}, clients that have left: MiB of the gateway\n")
        _ask(contestant.port, 20)
        print(f"0: {resident_bytes(contestant.pids) / _MIB:.0f}", flush=True)
        for count in _rounds(options.aborts):
            _ask(contestant.port, _ROUND, options.at_a_time)
            print(f"{count}: {resident_bytes(contestant.pids) / _MIB:.0f}", flush=True)


def _rounds(aborts: int) -> Iterator[int]:
    return iter(range(_ROUND, aborts + 1, _ROUND))


def _put(port: int) -> None:
    value = b64encode(random.randbytes(_VALUE_BYTES)).decode()
    body = json.dumps({"key": _KEY, "value": value}).encode()
    with urlopen(Request(f"http://127.0.0.1:{port}/v3/kv/put", data=body)) as answer:
        answer.read()


def _ask(port: int, count: int, at_a_time: int = 20) -> None:
    asyncio.run(_ask_all(port, count, at_a_time))


async def _ask_all(port: int, count: int, at_a_time: int) -> None:
    left = iter(range(count))

    async def clients() -> None:
        for _ in left:
            await _ask_and_leave(port)

    await asyncio.gather(*(clients() for _ in range(at_a_time)))


async def _ask_and_leave(port: int) -> None:
    body = json.dumps({"key": _KEY}).encode()
    head = f"POST /v3/kv/range HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n"
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode() + body)
    await asyncio.sleep(random.uniform(0, _PATIENCE))
    writer.transport.abort()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.aborts", description=__doc__)
    add = parser.add_argument
    add("--aborts", type=int, default=5000, help="clients that leave")
    add("--at-a-time", type=int, default=20, help="clients at a time")
    add("--etcd", type=Path, help="the etcd to run; by default the first that is found")
    add("--server", choices=_KINDS, default="uvicorn")
    return parser.parse_args()


if __name__ == "__main__":
    main()
