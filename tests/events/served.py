"""A gateway alone under a server, and its etcd."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from etcd_asgi.testing import EtcdServer
from tests.events.source import TIMEOUT, Source
from tests.hosts.serving import AppServer
from tests.hosts.target import text

MAX_STREAMS = 8
"""Of the gateway that waits for nothing for long."""

_CLIENT = httpx.Client(timeout=TIMEOUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server process with a gateway, and its etcd."""

    server: AppServer
    etcd: EtcdServer

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return self.server.url

    def watch(
        self,
        query: Mapping[str, str] | None = None,
        *,
        last_id: str = "",
        headers: Mapping[str, str] | None = None,
        **more: str,
    ) -> Source:
        """An ``EventSource`` on a watch, in text mode."""
        parameters = {"text": "1", **(query or {}), **more}
        return Source(f"{self.url}/v3/watch", parameters, last_id=last_id, headers=headers)

    def post(self, path: str, body: Any, *, headers: Mapping[str, str] | None = None) -> Source:
        """Events over POST."""
        return Source(f"{self.url}/v3/{path}", body=body, headers=headers)

    def put(self, key: str, value: str) -> int:
        """Write to etcd itself; gives the revision."""
        return int(
            self.ask("kv/put", {"key": text(key), "value": text(value)})["header"]["revision"]
        )

    def ask(self, path: str, message: Any) -> Any:
        """What etcd's own gateway answers."""
        answer = _CLIENT.post(f"{self.etcd.endpoint}/v3/{path}", json=message)
        return answer.raise_for_status().json()
