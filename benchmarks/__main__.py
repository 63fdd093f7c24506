"""Measure, and print the results as Markdown."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from benchmarks import codec, imports, machine, report, serving
from benchmarks.contestants import KINDS
from benchmarks.serving import Plan
from benchmarks.workloads import workloads
from etcd_asgi.testing import etcd_version, find_etcd

RELEASE = "3.5.1"
PARTS = ("serving", "codec", "imports")


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """How much is measured: rounds, seconds of a round, repetitions."""

    rounds: int
    seconds: float
    warm_up: float
    codec_rounds: int
    imports: int


_FULL = Amount(rounds=5, seconds=1.6, warm_up=0.3, codec_rounds=30, imports=9)
_QUICK = Amount(rounds=2, seconds=0.5, warm_up=0.2, codec_rounds=10, imports=3)


def main() -> None:
    """Read the arguments, measure, print, write."""
    options = _options()
    amount = _QUICK if options.quick else _FULL
    etcd = options.etcd or find_etcd(RELEASE)
    lines = [machine.describe(etcd_version(etcd))]
    if "serving" in options.parts:
        lines += report.serving(serving.measure(etcd, _plan(options, amount)))
    if "codec" in options.parts:
        lines += report.codec(codec.measure(amount.codec_rounds))
    if "imports" in options.parts:
        lines += report.imports(imports.measure(amount.imports))
    print(text := "\n".join(lines))
    if options.write:
        report.write(text)


def _plan(options: argparse.Namespace, amount: Amount) -> Plan:
    return Plan(
        rounds=options.rounds or amount.rounds,
        seconds=options.seconds or amount.seconds,
        warm_up=amount.warm_up,
        connections=options.connections,
        contestants=tuple(options.servers),
        workloads=tuple(options.workloads),
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--write", action="store_true", help=f"renew {report.PAGE.name}")
    add("--quick", action="store_true", help="less of everything: under a minute")
    add("--etcd", type=Path, help=f"the etcd to run; by default the first {RELEASE} found")
    add("--connections", type=int, default=32, help="of the load generator")
    add("--rounds", type=int, help=f"by default {_FULL.rounds}")
    add("--seconds", type=float, help=f"of one measurement, by default {_FULL.seconds}")
    for name, known in (
        ("parts", PARTS),
        ("servers", tuple(kind.name for kind in KINDS)),
        ("workloads", tuple(one.name for one in workloads())),
    ):
        add(f"--{name}", nargs="+", choices=known, default=known, help="only these")
    return parser.parse_args()


if __name__ == "__main__":
    main()
