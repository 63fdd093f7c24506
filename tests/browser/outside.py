"""Somebody else who uses the same etcd, past our gateway: through etcd's own."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import httpx

from etcd_asgi.testing import EtcdServer

_TIMEOUT = 20.0


class Outside:
    """Changes keys behind the gateway's back."""

    def __init__(self, etcd: EtcdServer) -> None:
        self._etcd = etcd
        self.token = ""
        """An etcd token, where etcd asks for one."""

    def call(self, path: str, **message: Any) -> dict[str, Any]:
        """Ask etcd's own gateway; it must succeed."""
        url = f"{self._etcd.endpoint}/v3/{path}"
        headers = {"authorization": self.token} if self.token else {}
        answer = httpx.post(url, json=message, headers=headers, timeout=_TIMEOUT)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def put(self, key: str, value: str | bytes = "", **more: Any) -> int:
        """Set a key; gives the revision."""
        value = value.encode() if isinstance(value, str) else value
        answer = self.call("kv/put", key=_b64(key.encode()), value=_b64(value), **more)
        return int(answer["header"]["revision"])

    def age(self, key: str, revisions: int) -> None:
        """Set a key so many times."""
        with httpx.Client(timeout=_TIMEOUT) as client:
            for _ in range(revisions):
                message = {"key": _b64(key.encode())}
                client.post(f"{self._etcd.endpoint}/v3/kv/put", json=message).raise_for_status()

    def get(self, key: str) -> bytes | None:
        """The value of a key."""
        kvs = self.call("kv/range", key=_b64(key.encode())).get("kvs", [])
        return b64decode(kvs[0].get("value", "")) if kvs else None

    def all_keys(self) -> list[str]:
        """All keys."""
        kvs = self.call("kv/range", key="AA==", range_end="AA==", keys_only=True).get("kvs", [])
        return [b64decode(kv["key"]).decode(errors="replace") for kv in kvs]

    def delete(self, key: str) -> int:
        """Delete a key; gives the revision."""
        answer = self.call("kv/deleterange", key=_b64(key.encode()))
        return int(answer["header"]["revision"])

    def compact(self, revision: int) -> None:
        """Forget all revisions before this one."""
        self.call("kv/compaction", revision=str(revision), physical=True)

    def revoke(self, lease: int) -> None:
        """End a lease."""
        self.call("lease/revoke", ID=str(lease))


def _b64(value: bytes) -> str:
    return b64encode(value).decode()
