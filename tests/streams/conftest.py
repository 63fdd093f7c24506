"""Gateways under every server, from which nothing may be left after a test."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from etcd_asgi.testing import EtcdServer
from tests.etcds.quick import QUICK
from tests.etcds.releases import OFFICIAL, binary_of
from tests.hosts.serving import SERVERS, AppServer
from tests.streams.post import TIMEOUT
from tests.streams.probed import MIB, Probed

APP = "tests.streams.apps.probed:app"
DATABASE_BYTES = 64 * MIB
"""More than fits in the buffers between etcd and a client."""

ServeProbed = Callable[..., Probed]
"""``serve(server, etcd, *args, app=APP)``"""


@pytest.fixture(scope="session")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServer]:
    """An etcd whose watchers and data are of these tests alone."""
    log_path = tmp_path_factory.mktemp("streams-etcd-") / "etcd.log"
    binary = binary_of(OFFICIAL)
    with EtcdServer(binary, args=QUICK, log_path=log_path) as server:
        yield server


@pytest.fixture
def key() -> str:
    """A key, or prefix of keys, that no other test uses."""
    return f"streams/{uuid.uuid4()}/"


@pytest.fixture(scope="session", params=SERVERS)
def shared(
    request: pytest.FixtureRequest, etcd: EtcdServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Probed]:
    """The application under each server, one at a time; it logs no stack trace to the end."""
    with ExitStack() as stack:
        log_path = tmp_path_factory.mktemp(f"streams-{request.param}-") / "server.log"
        probed = _serve(stack, request.param, etcd, log_path)
        with probed.opened:
            probed.watch("warm-up")
        yield probed
        probed.client.close()
        probed.server.stop()
        assert "Traceback" not in probed.server.log, probed.server.log


@pytest.fixture
def probed(shared: Probed) -> Iterator[Probed]:
    """The application under each server. Its test leaves nothing behind."""
    shared.wait_for_rest()
    with ExitStack() as opened:
        yield replace(shared, opened=opened)
    shared.wait_for_rest()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[ServeProbed]:
    """``serve(server, etcd, *args, app=APP)``: an application of one test alone."""
    with ExitStack() as stack:

        def started(server: str, etcd: EtcdServer, *args: str, app: str = APP) -> Probed:
            return _serve(stack, server, etcd, tmp_path / f"{server}.log", *args, app=app)

        yield started


@pytest.fixture(scope="session")
def large_database(etcd: EtcdServer, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The shared etcd has so much data that no snapshot fits in the buffers on its way."""
    fill(etcd, DATABASE_BYTES)


def fill(etcd: EtcdServer, size: int) -> None:
    """Put keys until etcd's database has at least *size* bytes."""
    value = "eHh4" * (MIB // 4)
    with httpx.Client(base_url=etcd.endpoint, timeout=TIMEOUT) as client:
        for number in range(size * 4 // (3 * MIB)):
            body = {"key": f"bGFyZ2Uv{number:04}", "value": value}
            client.post("/v3/kv/put", json=body).raise_for_status()


def _serve(
    stack: ExitStack, server: str, etcd: EtcdServer, log_path: Path, *args: str, app: str = APP
) -> Probed:
    env = {"ETCD_URL": etcd.endpoint}
    running = AppServer(app, server=server, args=args, env=env, log_path=log_path)
    stack.enter_context(running)
    client = stack.enter_context(httpx.Client(base_url=running.url, timeout=TIMEOUT))
    opened = stack.enter_context(ExitStack())
    return Probed(server=running, name=server, etcd=etcd, client=client, opened=opened)
