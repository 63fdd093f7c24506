"""A crowded etcd and one alone, each behind a gateway."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest

from etcd_asgi.namespace.leases import Leases
from etcd_asgi.testing import EtcdServer
from tests.etcds.quick import QUICK
from tests.etcds.releases import binary_of
from tests.hosts.serving import AppServer
from tests.hosts.target import TIMEOUT
from tests.namespace.calls import Caller
from tests.namespace.raw import SECRET, RawEtcd
from tests.namespace.side import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Both etcds, as they are, and the server with the gateways in front of them."""

    crowded: RawEtcd
    alone: RawEtcd
    server: AppServer
    client: httpx.Client

    def scoped_side(self, prefix: bytes) -> Side:
        """A caller in the namespace *prefix* of the crowded etcd."""
        headers = {"x-namespace": prefix.hex()}
        leases = Leases(prefix, SECRET)
        return self._side("/scoped", headers, self.crowded.revision(), leases)

    def caller(self, prefix: bytes) -> Caller:
        """The same, for a test that looks at the answers itself."""
        headers = {"x-namespace": prefix.hex()}
        return Caller(self.client, self.server.host_and_port, "/scoped", headers)

    def alone_side(self) -> Side:
        """A caller who has an etcd to itself."""
        return self._side("/alone", {}, self.alone.revision(), None)

    def _side(self, path: str, headers: dict[str, str], start: int, leases: Leases | None) -> Side:
        return Side(self.client, path, self.server.host_and_port, headers, start, leases)


@pytest.fixture(scope="session")
def pair(etcd_release: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two etcds of each release in turn; the gateways log no stack trace to the end."""
    folder = tmp_path_factory.mktemp("namespace-")
    with ExitStack() as stack:
        crowded, alone = (
            stack.enter_context(
                EtcdServer(
                    binary_of(etcd_release),
                    args=QUICK,
                    log_path=folder / f"etcd-{name}.log",
                )
            )
            for name in ("crowded", "alone")
        )
        env = {"ETCD_URL": crowded.endpoint, "ALONE_URL": alone.endpoint}
        server = AppServer("tests.namespace.app:app", log_path=folder / "server.log", env=env)
        stack.enter_context(server)
        client = stack.enter_context(httpx.Client(base_url=server.url, timeout=TIMEOUT))
        yield Pair(
            crowded=RawEtcd(crowded.endpoint.removeprefix("http://")),
            alone=RawEtcd(alone.endpoint.removeprefix("http://")),
            server=server,
            client=client,
        )
        assert "Traceback" not in server.log, server.log
