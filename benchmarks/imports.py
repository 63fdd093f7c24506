"""How long importing the package takes beyond grpcio, in fresh processes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

from benchmarks.spread import Spread

_PROGRAM = """
from time import perf_counter
start = perf_counter()
import grpc.aio
between = perf_counter()
import etcd_asgi
print([between - start, perf_counter() - between])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imports:
    """Seconds."""

    grpc: Spread
    beyond: Spread


def measure(times: int) -> Imports:
    """Import *times* times, after once to fill the file system's cache."""
    pairs = [_once() for _ in range(times + 1)][1:]
    return Imports(
        grpc=Spread.of(grpc for grpc, _ in pairs), beyond=Spread.of(beyond for _, beyond in pairs)
    )


def _once() -> tuple[float, float]:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], stdout=subprocess.PIPE, text=True, check=True
    )
    grpc, beyond = json.loads(done.stdout)
    return grpc, beyond
