"""A watch whose reader stalls: ``python -m benchmarks.slow_reader``.

The client opens a watch, and reads nothing for a minute, while 1 MB of events is put each second.
Then it reads on. What is measured is the memory of the gateway process; and nothing may be lost,
doubled or out of order. Linux only.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import machine
from benchmarks.contestants import KINDS, Kind, running
from benchmarks.memory import forget_peak, peak_bytes, resident_bytes
from etcd_asgi.testing import EtcdServer, find_etcd

MB, MIB = 1_000_000, 1024 * 1024
_KINDS = {kind.name: kind for kind in KINDS if kind.name in ("uvicorn", "granian")}
_ETCD_ARGS = ("--unsafe-no-fsync", "--log-level", "error")
_KEY = b64encode(b"bench/slow").decode()
_SMALL_BUFFER = 4096
"""The client's: the less the system holds for it, the sooner the gateway feels that it stalls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is put while the reader stalls."""

    seconds: int
    bytes_per_second: int
    value_bytes: int

    @property
    def per_second(self) -> int:
        """Puts."""
        return self.bytes_per_second // self.value_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Bytes of the gateway process: before, while the reader stalled, and at most afterwards."""

    title: str
    before: int
    stalled: list[int]
    catching_up: int
    events: int


def main() -> None:
    """Read the arguments, measure, print."""
    options = _options()
    plan = Plan(
        seconds=options.seconds,
        bytes_per_second=int(options.megabytes * MB),
        value_bytes=options.value_bytes,
    )
    etcd = options.etcd or find_etcd()
    rows = [_measure(etcd, _KINDS[name], plan) for name in options.servers]
    print(machine.describe(EtcdServer(etcd).version))
    print("\n".join(_table(rows, plan)))


def _measure(etcd: Path, kind: Kind, plan: Plan) -> Measured:
    print(f"{kind.title}: {plan.seconds} s", file=sys.stderr)
    with (
        EtcdServer(etcd, args=_ETCD_ARGS) as server,
        TemporaryDirectory() as folder,
        running(kind, server.client_port, Path(folder)) as contestant,
        _watch(contestant.port) as watch,
    ):
        before = resident_bytes(contestant.pids)
        first, last, stalled = _put(server.client_port, plan, contestant.pids)
        forget_peak(contestant.pids)
        _read(watch, range(first, last + 1))
        return Measured(
            title=contestant.title,
            before=before,
            stalled=stalled,
            catching_up=peak_bytes(contestant.pids),
            events=last + 1 - first,
        )


@contextmanager
def _watch(port: int) -> Iterator[HTTPResponse]:
    """A watch that has told that it is there."""
    connection = HTTPConnection("127.0.0.1", port)
    connection.sock = socket.socket()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
    connection.sock.connect(("127.0.0.1", port))
    connection.request("POST", "/v3/watch", json.dumps({"create_request": {"key": _KEY}}))
    watch = connection.getresponse()
    watch.readline()
    yield watch
    connection.close()


def _put(etcd_port: int, plan: Plan, pids: tuple[int, ...]) -> tuple[int, int, list[int]]:
    """Put events at a steady pace; gives their revisions, and the gateway's memory each second."""
    value = b64encode(b"x" * plan.value_bytes).decode()
    body = json.dumps({"key": _KEY, "value": value})
    connection, revisions, memory = HTTPConnection("127.0.0.1", etcd_port), [], []
    start = time.monotonic()
    for second in range(plan.seconds):
        for _ in range(plan.per_second):
            connection.request("POST", "/v3/kv/put", body)
            answer = json.load(connection.getresponse())
            revisions.append(int(answer["header"]["revision"]))
        time.sleep(max(0.0, start + second + 1 - time.monotonic()))
        memory.append(resident_bytes(pids))
    print(f"put in {time.monotonic() - start:.1f} s", file=sys.stderr)
    return revisions[0], revisions[-1], memory


def _read(watch: HTTPResponse, revisions: range) -> None:
    """Read all events.

    Raises:
        RuntimeError: one is not in its place.
    """
    expected = iter(revisions)
    revision = 0
    while revision < revisions[-1]:
        for event in json.loads(watch.readline())["result"]["events"]:
            revision = int(event["kv"]["mod_revision"])
            if revision != (wanted := next(expected)):
                raise RuntimeError(f"an event of revision {revision} instead of {wanted}")


def _table(rows: list[Measured], plan: Plan) -> Iterator[str]:
    megabytes = plan.seconds * plan.per_second * plan.value_bytes / MB
    yield f"\nA reader that stalls for {plan.seconds} s, while {megabytes:.0f} MB of events are put"
    yield f"in values of {plan.value_bytes} bytes; all came in order. MiB of the gateway process.\n"
    yield "| server | before | stalled: median | at most | at the end | most while catching up |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for row in rows:
        median = sorted(row.stalled)[len(row.stalled) // 2]
        sizes = (row.before, median, max(row.stalled), row.stalled[-1], row.catching_up)
        yield f"| {' | '.join([row.title, *(f'{size / MIB:.1f}' for size in sizes)])} |"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slow_reader", description=__doc__)
    add = parser.add_argument
    add("--seconds", type=int, default=60, help="for which the reader stalls")
    add("--megabytes", type=float, default=1.0, help="of events in each second")
    add("--value-bytes", type=int, default=4000, help="of an event")
    add("--etcd", type=Path, help="the etcd to run; by default the first that is found")
    add("--servers", nargs="+", choices=_KINDS, default=list(_KINDS), help="only these")
    return parser.parse_args()


if __name__ == "__main__":
    main()
