"""An etcd without a gateway of ours in between, and all that is in it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.conformance.exchange import exchange
from tests.namespace.etcdjson import read, written

SECRET = b"a secret of the tests"
"""The gateway's ``lease_secret``."""

ALL = {"key": b"\0", "range_end": b"\0"}


@dataclass(frozen=True, slots=True)
class RawEtcd:
    """etcd by its own JSON API."""

    address: str

    def call(self, path: str, **message: Any) -> Any:
        """Call as plainly as can be, as most calls are such; and fail if etcd refuses."""
        answer = exchange(self.address, "POST", path, [], json.dumps(written(message)).encode())
        assert answer.status == 200, answer.body
        return read(answer.content)

    def put(self, key: bytes, lease: int = 0) -> None:
        """Put a key whose value is its own name."""
        self.call("/v3/kv/put", key=key, value=key, lease=lease)

    def put_all(self, keys: Iterable[tuple[bytes, int]]) -> None:
        """Put such keys, each with a lease, in one revision."""
        puts = [{"key": key, "value": key, "lease": lease} for key, lease in keys]
        self.call("/v3/kv/txn", success=[{"request_put": put} for put in puts])

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
