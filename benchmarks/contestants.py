"""The servers that are compared, as processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from benchmarks import cpu
from benchmarks.workloads import Workload, post

START_TIMEOUT = 30.0
STOP_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A server that is running."""

    name: str
    title: str
    port: int
    pids: tuple[int, ...]
    """Processes other than etcd's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A server that can be started; without a command it is etcd itself."""

    name: str
    title: str
    command: Callable[[int], Sequence[str]] | None = None
    """Arguments of Python for a port."""


def _uvicorn(app: str, workers: int = 1) -> Callable[[int], Sequence[str]]:
    name = f"benchmarks.apps.{app}:app"
    count = ("--workers", f"{workers}")
    return lambda port: ["-m", "uvicorn", name, "--port", f"{port}", *_QUIET, *count]


def _granian(port: int) -> Sequence[str]:
    name = "benchmarks.apps.ours:app"
    options = ("--port", f"{port}", "--workers", "1", *_QUIET)
    return ["-m", "granian", "--interface", "asgi", name, *options]


_QUIET = ("--no-access-log", "--log-level", "warning")


KINDS = (
    Kind(name="stock", title="stock gateway"),
    Kind(name="uvicorn", title="etcd_asgi, uvicorn", command=_uvicorn("ours")),
    Kind(name="pair", title="etcd_asgi, uvicorn, 2 workers", command=_uvicorn("ours", workers=2)),
    Kind(name="granian", title="etcd_asgi, granian", command=_granian),
    Kind(name="floor", title="grpcio's floor, uvicorn", command=_uvicorn("floor")),
    Kind(name="naive", title="naive app, uvicorn", command=_uvicorn("naive")),
)
"""The stock gateway comes first: the others are compared with it."""


@contextmanager
def running(kind: Kind, etcd_port: int, messages: Path) -> Iterator[Contestant]:
    """Run a server in front of the etcd on *etcd_port*.

    Raises:
        RuntimeError: it ended, or took no connection in time.
    """
    if kind.command is None:
        yield Contestant(name=kind.name, title=kind.title, port=etcd_port, pids=())
        return
    port = _free_port()
    environment = {
        **os.environ,
        "BENCH_ETCD": f"http://127.0.0.1:{etcd_port}",
        "BENCH_MESSAGES": str(messages),
    }
    process = subprocess.Popen([sys.executable, *kind.command(port)], env=environment)
    try:
        _await_connection(process, port)
        pids = tuple(cpu.family(process.pid))
        yield Contestant(name=kind.name, title=kind.title, port=port, pids=pids)
    finally:
        _stop(process)


def write_messages(path: Path, workloads: Sequence[Workload], etcd_url: str) -> None:
    """Record for the floor what goes up, and what the stock gateway answers."""
    messages = {
        one.body.decode(): {
            "rpc": one.rpc,
            "request": b64encode(one.request).decode(),
            "answer": b64encode(post(f"{etcd_url}{one.path}", one.body)).decode(),
        }
        for one in workloads
    }
    path.write_text(json.dumps(messages))


def check(contestant: Contestant, workload: Workload, etcd_url: str) -> None:
    """See that a server answers what the stock gateway answers.

    Raises:
        RuntimeError: it does not.
    """
    mine, stock = (
        json.loads(post(f"{url}{workload.path}", workload.body))
        for url in (f"http://127.0.0.1:{contestant.port}", etcd_url)
    )
    for answer in (mine, stock):
        del answer["header"]  # its revision grows with every put
    if mine != stock:
        raise RuntimeError(f"{contestant.title} answers the {workload.title} wrongly")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


def _await_connection(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"a server ended with code {process.returncode}")
        try:
            # Not just a connection: a server with several workers takes these before they are up.
            urlopen(f"http://127.0.0.1:{port}/livez", timeout=1).close()
        except HTTPError:
            return  # the floor has no such path
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"a server took no connection within {START_TIMEOUT:.0f} s")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
