"""Gateways in running hosts."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from etcd_asgi.testing import EtcdServer
from tests.hosts import hosts
from tests.hosts.observe import ask
from tests.hosts.serving import AppServer
from tests.hosts.target import TIMEOUT, Target, text

Serve = Callable[..., AppServer]
"""``serve(app, etcd_url, server="uvicorn", *args)``"""

_PAIRS = [pytest.param(pair, id=f"{pair[0].name}-{pair[1]}") for pair in hosts.pairs()]


@pytest.fixture(scope="session", params=_PAIRS)
def target(
    request: pytest.FixtureRequest, etcd: EtcdServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    """A gateway in each host, under each of its servers, one at a time.

    At its end the server must have ended in order, and have logged no stack trace.
    """
    host, name = request.param
    server = AppServer(
        host.app,
        server=name,
        args=host.args,
        env={"ETCD_URL": etcd.endpoint},
        log_path=tmp_path_factory.mktemp(f"{host.name}-{name}-") / "server.log",
    )
    with server, httpx.Client(base_url=server.url + host.mount, timeout=TIMEOUT) as client:
        yield Target(host=host, server=server, client=client)
        client.close()
        assert server.stop() in (0, -signal.SIGTERM), server.log
        assert "Traceback" not in server.log, server.log


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """``serve(app, etcd_url)``: an application that only one file of tests needs."""
    with ExitStack() as stack:

        def started(app: str, etcd_url: str, server: str = "uvicorn", *args: str) -> AppServer:
            log_path = tmp_path_factory.mktemp("app-") / "server.log"
            env = {"ETCD_URL": etcd_url}
            running = AppServer(app, server=server, args=args, env=env, log_path=log_path)
            return stack.enter_context(running)

        yield started


@pytest.fixture
def key() -> str:
    """A key, or prefix of keys, that no other test uses."""
    return f"hosts/{uuid.uuid4()}/"


@pytest.fixture
def held_lock(etcd: EtcdServer, key: str) -> Iterator[str]:
    """The name of a lock that somebody else holds."""
    lease = ask(etcd, "lease/grant", {"TTL": 600})["ID"]
    ask(etcd, "lock/lock", {"name": text(key), "lease": lease})
    yield key
    ask(etcd, "lease/revoke", {"ID": lease})
