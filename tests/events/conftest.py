"""Gateways under every server, and one that a test has for itself."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from etcd_asgi.testing import EtcdServer
from tests.events.served import Served
from tests.hosts.serving import AppServer

APP = "tests.events.apps:app"

Serve = Callable[..., Served]
"""``serve(etcd, server="uvicorn", app=APP)``"""


@pytest.fixture(scope="session")
def uvicorn(etcd: EtcdServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway under uvicorn, for what no server has a part in."""
    with ExitStack() as stack:
        yield _serve(stack, etcd, "uvicorn", tmp_path_factory.mktemp("events-") / "server.log")


@pytest.fixture
def key() -> str:
    """A key, or prefix of keys, that no other test uses."""
    return f"events/{uuid.uuid4()}/"


def _serve(
    stack: ExitStack, etcd: EtcdServer, server: str, log_path: Path, app: str = APP
) -> Served:
    env = {"ETCD_URL": etcd.endpoint}
    running = AppServer(app, server=server, env=env, log_path=log_path)
    return Served(server=stack.enter_context(running), etcd=etcd)
