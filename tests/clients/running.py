"""A suite, an etcd of its own, and the gateway between them.

etcd's own gateway is switched off, so what answers JSON is ours.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from etcd_asgi.testing import EtcdServer
from etcd_asgi.testing.process import ChildProcess
from tests.clients.suites import Suite
from tests.etcds.quick import QUICK
from tests.etcds.releases import OFFICIAL, binary_of
from tests.hosts.serving import ROOT, AppServer, until

CLIENTS = ROOT / ".venv-clients"
DRIVERS = Path(__file__).parent / "drivers"
WITHOUT_GATEWAY = (*QUICK, "--enable-grpc-gateway=false")

SUITE_DEADLINE = 400.0
"""Seconds after which a suite that has not ended is killed."""

_ANSWERED = re.compile(r'"(?:[A-Z]+|WebSocket) (/\S*)[^"]*" (?:(\d+)|\[accepted\])')


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a suite came to."""

    status: int
    """The exit status of the client's process, negative for a signal."""

    output: str
    paths: frozenset[str]
    """What the gateway's server was asked for."""

    server_log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway under uvicorn, and the etcd behind it."""

    server: AppServer
    etcd: EtcdServer

    @property
    def port(self) -> int:
        """Where it listens, on the loopback interface."""
        return self.server.host_and_port[1]

    @property
    def watchers(self) -> int:
        """The watches that etcd has open, by its own count."""
        with urllib.request.urlopen(f"{self.etcd.endpoint}/metrics", timeout=10) as answer:
            found = re.search(rb"^etcd_debugging_mvcc_watcher_total (\d+)$", answer.read(), re.M)
        assert found, "etcd tells no number of watchers"
        return int(found[1])

    def call(self, path: str, **message: str) -> None:
        """Ask for an RPC, and expect that it is done."""
        body = json.dumps(message).encode()
        with urllib.request.urlopen(f"{self.server.url}{path}", body, timeout=10) as answer:
            assert answer.status == 200, answer.status


@contextmanager
def gateway(app: str, folder: Path) -> Iterator[Gateway]:
    """Serve an application of ``apps.py`` in front of an etcd without a gateway."""
    binary, log = binary_of(OFFICIAL), folder / "uvicorn.log"
    with EtcdServer(binary, args=WITHOUT_GATEWAY, log_path=folder / "etcd.log") as etcd:
        env = {"ETCD_URL": etcd.endpoint}
        with AppServer(f"tests.clients.apps:{app}", log_path=log, env=env) as server:
            yield Gateway(server=server, etcd=etcd)


def run(suite: Suite, folder: Path, interrupted: threading.Event) -> Run:
    """Run a suite to its end, then wait until it has left nothing behind in etcd.

    Raises:
        TimeoutError: the suite did not end, or etcd still holds a watch of it.
    """
    with gateway(suite.app, folder) as served:
        add_users(served, suite.auth)
        status, output = _client(suite, served.port, folder, interrupted)
        until(lambda: served.watchers == 0, f"no watch of {suite.name} is left in etcd")
        served.server.stop()
    paths = frozenset(found[1] for found in _ANSWERED.finditer(served.server.log))
    return Run(status=status, output=output, paths=paths, server_log=served.server.log)


def add_users(served: Gateway, users: Mapping[str, str]) -> None:
    """Make etcd know *users*, all of them roots, and ask everybody for a token."""
    if not users:
        return
    served.call("/v3/auth/role/add", name="root")
    for name, password in users.items():
        served.call("/v3/auth/user/add", name=name, password=password)
        served.call("/v3/auth/user/grant", user=name, role="root")
    served.call("/v3/auth/enable")


def _client(suite: Suite, port: int, folder: Path, interrupted: threading.Event) -> tuple[int, str]:
    names = {"port": port, "drivers": DRIVERS}
    command = [str(CLIENTS / "bin/python"), *(part.format(**names) for part in suite.command)]
    env = {name: value.format(**names) for name, value in suite.env.items()}
    log_path = folder / "client.log"
    process = ChildProcess(command, log_path=log_path, env=_environment() | env, scratch=None)
    try:
        status = _ended(process, interrupted)
    finally:
        process.kill()
    return status, log_path.read_text(errors="replace")


def _ended(process: ChildProcess, interrupted: threading.Event) -> int:
    deadline = time.monotonic() + SUITE_DEADLINE
    while (status := process.poll()) is None:
        if interrupted.wait(0.1) or time.monotonic() > deadline:
            return process.kill()
    return status


def _environment() -> dict[str, str]:
    """This process's, without what would make a client's Python another, or use a proxy."""
    env = {
        name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ
    }
    return env | {"NO_PROXY": "*", "no_proxy": "*", "PYTHONUNBUFFERED": "1"}
