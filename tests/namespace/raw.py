"""An etcd without a gateway of ours in between, and all that is in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from tests.namespace.etcdjson import read, written

SECRET = b"a secret of the tests"
"""The gateway's ``lease_secret``."""

ALL = {"key": b"\0", "range_end": b"\0"}


@dataclass(frozen=True, slots=True)
class RawEtcd:
    """etcd by its own JSON API."""

    client: httpx.Client

    def call(self, path: str, **message: Any) -> Any:
        """Call, and fail if etcd refuses."""
        answer = self.client.post(path, json=written(message))
        assert answer.status_code == 200, answer.text
        return read(answer.json())

    def put(self, key: bytes, lease: int = 0) -> None:
        """Put a key whose value is its own name."""
        self.call("/v3/kv/put", key=key, value=key, lease=lease)

    def grant(self, lease: int) -> None:
        """Make a lease that lasts for longer than any test."""
        self.call("/v3/lease/grant", ID=lease, TTL=100_000)

    def clear(self) -> None:
        """Leave nothing."""
        self.call("/v3/kv/deleterange", **ALL)
        for lease in self.leases():
            self.call("/v3/lease/revoke", ID=lease)

    def leases(self) -> list[int]:
        """The IDs of all leases."""
        return sorted(int(one["ID"]) for one in self.call("/v3/lease/leases").get("leases", []))

    def pairs(self) -> dict[bytes, Any]:
        """All keys and what is on them."""
        return {pair["key"]: pair for pair in self.call("/v3/kv/range", **ALL).get("kvs", [])}

    def revision(self) -> int:
        """The revision now."""
        return int(self.call("/v3/kv/range", key=b"\0")["header"]["revision"])
