"""The servers, measured in turns against one etcd."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contestants import KINDS, Contestant, check, running, write_messages
from benchmarks.load import Order, Sample
from benchmarks.workloads import Workload, fill, workloads
from etcd_asgi.testing import EtcdServer

_ETCD_ARGS = ("--unsafe-no-fsync", "--log-level", "error")
"""A put waits for etcd's disk as long with every gateway; without the wait, gateways show."""

_LOAD_GRACE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured. Times are seconds."""

    rounds: int
    seconds: float
    warm_up: float
    connections: int
    contestants: tuple[str, ...]
    workloads: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One server under one workload: a sample for every round."""

    workload: Workload
    contestant: Contestant
    samples: list[Sample]


def measure(etcd: Path, plan: Plan) -> list[Measured]:
    """Measure the plan's servers, each workload by each in every round."""
    with ExitStack() as stack:
        server = stack.enter_context(EtcdServer(etcd, args=_ETCD_ARGS))
        fill(server.endpoint)
        chosen = [one for one in workloads() if one.name in plan.workloads]
        messages = Path(stack.enter_context(TemporaryDirectory())) / "messages.json"
        write_messages(messages, chosen, server.endpoint)
        contestants = [
            stack.enter_context(running(kind, server.client_port, messages))
            for kind in KINDS
            if kind.name in plan.contestants
        ]
        table = [
            Measured(workload=workload, contestant=contestant, samples=[])
            for workload in chosen
            for contestant in contestants
        ]
        for row in table:
            check(row.contestant, row.workload, server.endpoint)
        for row in _turns(table, plan, len(contestants)):
            row.samples.append(_sample(row, server.pid, plan))
        return table


def _turns(table: Sequence[Measured], plan: Plan, width: int) -> Iterator[Measured]:
    """The rows in the order to measure them: in each round another server begins."""
    for number in range(plan.rounds):
        for start in range(0, len(table), width):
            first = number % width
            rows = table[start : start + width]
            for row in (*rows[first:], *rows[:first]):
                show = f"round {number + 1}: {row.workload.title}, {row.contestant.title}"
                print(show, file=sys.stderr)
                yield row


def _sample(row: Measured, etcd_pid: int, plan: Plan) -> Sample:
    order = Order(
        port=row.contestant.port,
        path=row.workload.path,
        body=row.workload.body.decode(),
        least_answer_bytes=row.workload.least_answer_bytes,
        connections=plan.connections,
        warm_up=plan.warm_up,
        seconds=plan.seconds,
        gateway_pids=row.contestant.pids,
        etcd_pids=(etcd_pid,),
    )
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(order)),
        stdout=subprocess.PIPE,
        timeout=plan.warm_up + plan.seconds + _LOAD_GRACE,
        text=True,
        check=True,
    )
    return Sample(**json.loads(done.stdout))
