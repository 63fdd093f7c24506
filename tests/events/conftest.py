"""Gateways under every server, and those that a test has for itself."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from etcd_asgi.testing import EtcdServer
from tests.conftest import StartEtcd
from tests.etcds.quick import QUICK
from tests.etcds.releases import OFFICIAL, binary_of
from tests.events.served import Served
from tests.hosts.serving import SERVERS, AppServer

Serve = Callable[..., Served]
"""``serve(etcd, server="uvicorn", app="app")``"""

PROGRESS = "--experimental-watch-progress-notify-interval=300ms"


@pytest.fixture(scope="session")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServer]:
    """An etcd whose watchers are of these tests alone, and which tells progress often."""
    log_path = tmp_path_factory.mktemp("events-etcd-") / "etcd.log"
    args = [*QUICK, PROGRESS]
    with EtcdServer(binary_of(OFFICIAL), args=args, log_path=log_path) as server:
        yield server


@pytest.fixture(scope="session")
def uvicorn(etcd: EtcdServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway under uvicorn, for what no server has a part in."""
    with ExitStack() as stack:
        yield _serve(stack, etcd, "uvicorn", "app", tmp_path_factory.mktemp("events-"))


@pytest.fixture(scope="session", params=SERVERS)
def served(
    request: pytest.FixtureRequest, etcd: EtcdServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A gateway under each server; it logs no stack trace to the end."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp(f"events-{request.param}-")
        one = _serve(stack, etcd, request.param, "app", folder)
        yield one
        one.server.stop()
        assert "Traceback" not in one.server.log, one.server.log


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """``serve(etcd, server="uvicorn", app="app")``: a gateway of one test alone."""
    with ExitStack() as stack:
        running: list[Served] = []

        def started(etcd: EtcdServer, server: str = "uvicorn", app: str = "app") -> Served:
            folder = tmp_path / str(len(running))
            folder.mkdir()
            running.append(_serve(stack, etcd, server, app, folder))
            return running[-1]

        yield started
        for one in running:
            one.server.stop()
            assert "Traceback" not in one.server.log, one.server.log


@pytest.fixture
def mortal(start_etcd: StartEtcd) -> EtcdServer:
    """An etcd that a test may stop."""
    return start_etcd(OFFICIAL)


@pytest.fixture
def key() -> str:
    """A key, or prefix of keys, that no other test uses."""
    return f"events/{uuid.uuid4()}/"


def _serve(stack: ExitStack, etcd: EtcdServer, server: str, app: str, folder: Path) -> Served:
    env = {"ETCD_URL": etcd.endpoint}
    name = f"tests.events.apps:{app}"
    running = AppServer(name, server=server, env=env, log_path=folder / "server.log")
    return Served(server=stack.enter_context(running), etcd=etcd)
