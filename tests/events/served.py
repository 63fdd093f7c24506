"""A gateway with small limits, alone under a server."""

from __future__ import annotations

from dataclasses import dataclass

from etcd_asgi.testing import EtcdServer
from tests.hosts.serving import AppServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server process with a gateway, and its etcd."""

    server: AppServer
    etcd: EtcdServer

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return self.server.url
