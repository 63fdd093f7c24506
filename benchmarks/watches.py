"""Many watches on one gateway process: ``python -m benchmarks.watches``.

Every watch is a request on a connection of its own, and all watch one key. Each event is put when
all watches have the one before; at the end comes a burst that is put without waiting. What is
measured, for the stock gateway and for ours: the memory that a watch costs, and how long an event
takes from its put to each watch. Nothing may be lost, doubled or out of order.

What the client costs is taken from the cores that etcd and the gateway share. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import fanout, machine
from benchmarks.contestants import KINDS, Contestant, Kind, running
from benchmarks.fanout import Crowd, Plan
from benchmarks.memory import resident_bytes
from etcd_asgi.testing import EtcdServer, find_etcd

KIB = 1024
_WARM_UP = 50
"""Watches opened and closed before the first measurement: imports, channels, caches."""

_KINDS = {
    kind.name: kind
    for kind in (
        *(kind for kind in KINDS if kind.name in ("stock", "uvicorn")),
        Kind(
            name="fastapi",
            title="etcd_asgi in FastAPI, uvicorn",
            command=lambda port: [
                *("-m", "uvicorn", "benchmarks.apps.mounted:app", "--port", f"{port}"),
                *("--no-access-log", "--log-level", "warning"),
            ],
        ),
        Kind(
            name="granian",
            title="etcd_asgi, granian",
            command=lambda port: [
                *("-m", "granian", "--interface", "asgi", "benchmarks.apps.ours:app"),
                *("--port", f"{port}", "--no-access-log", "--log-level", "warning"),
                # It has no more requests under way than its backlog, unless told otherwise.
                *("--backpressure", "10000"),
            ],
        ),
    )
}

_ETCD_ARGS = ("--unsafe-no-fsync", "--log-level", "error")
_SPARE_FILES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the watches of one server came to. Sizes are bytes, times are seconds."""

    contestant: Contestant
    gateway_bytes: float
    """Of a watch, beside etcd; zero for the stock gateway, which is in etcd."""

    etcd_bytes: float
    """Of a watch, in etcd."""

    paced: Sequence[float]
    """Delays of events that were put one by one, sorted."""

    burst: Sequence[float]
    """Delays of the last events, put as fast as etcd takes them, sorted."""


def main() -> None:
    """Read the arguments, measure, print."""
    options = _options()
    plan = Plan(watches=options.watches, paced=options.events, burst=options.burst)
    _allow_files(2 * plan.watches + _SPARE_FILES)
    etcd = options.etcd or find_etcd()
    rows = [_measure(etcd, _KINDS[name], plan) for name in options.servers]
    print(machine.describe(EtcdServer(etcd).version))
    print("\n".join(_table(rows, plan)))


def _measure(etcd: Path, kind: Kind, plan: Plan) -> Measured:
    print(f"{kind.title}: {plan.watches} watches", file=sys.stderr)
    with (
        EtcdServer(etcd, args=_ETCD_ARGS) as server,
        TemporaryDirectory() as folder,
        running(kind, server.client_port, Path(folder)) as contestant,
    ):
        return asyncio.run(_watch(contestant, server, plan))


async def _watch(contestant: Contestant, server: EtcdServer, plan: Plan) -> Measured:
    async with Crowd(contestant.port, server.client_port, _WARM_UP) as crowd:
        await crowd.put(1)
    gateway, etcd = resident_bytes(contestant.pids), resident_bytes([server.pid])
    async with Crowd(contestant.port, server.client_port, plan.watches) as crowd:
        paced, burst = await fanout.measure(crowd, plan)
        return Measured(
            contestant=contestant,
            gateway_bytes=(resident_bytes(contestant.pids) - gateway) / plan.watches,
            etcd_bytes=(resident_bytes([server.pid]) - etcd) / plan.watches,
            paced=paced,
            burst=burst,
        )


def _table(rows: Sequence[Measured], plan: Plan) -> Iterator[str]:
    count = plan.watches * (plan.paced + plan.burst)
    yield f"\n{plan.watches} watches, {count} events delivered, in order, none lost.\n"
    yield "| server | KiB per watch | and in etcd | p50 ms | p99 ms | p50 of a burst | p99 |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for row in rows:
        delays = (_milliseconds(one, at) for one in (row.paced, row.burst) for at in (50, 99))
        memory = f"{row.gateway_bytes / KIB:.1f}" if row.contestant.pids else "0"
        cells = [row.contestant.title, memory, f"{row.etcd_bytes / KIB:.1f}", *delays]
        yield f"| {' | '.join(cells)} |"


def _milliseconds(delays: Sequence[float], percent: int) -> str:
    return f"{delays[len(delays) * percent // 100] * 1000:.0f}"


def _allow_files(needed: int) -> None:
    """Both ends of every connection need a descriptor; servers inherit the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise SystemExit(f"{needed} open files are needed, and this system allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watches", description=__doc__)
    add = parser.add_argument
    add("--watches", type=int, default=2000, help="on one gateway process")
    add("--events", type=int, default=20, help="put one by one")
    add("--burst", type=int, default=50, help="further events, put without waiting")
    add("--etcd", type=Path, help="the etcd to run; by default the first that is found")
    add("--servers", nargs="+", choices=_KINDS, default=list(_KINDS), help="only these")
    return parser.parse_args()


if __name__ == "__main__":
    main()
