"""One side of a comparison: a gateway, as a caller sees it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from etcd_asgi.namespace.leases import Leases
from tests.namespace.etcdjson import BYTES, read, written
from tests.streams.post import Post

REVISIONS = frozenset({"revision", "create_revision", "mod_revision", "rev", "start_revision"})
REVISIONS_ASKED = REVISIONS | {
    f"{end}_{kind}_revision" for end in ("min", "max") for kind in ("mod", "create")
}
_OF_THE_CLUSTER = ("cluster_id", "member_id", "raft_term")
_CLOCK = "TTL"


@dataclass(slots=True)
class Side:
    """A gateway under *path*; revisions in and out count from *start*."""

    client: httpx.Client
    path: str
    address: tuple[str, int]
    headers: dict[str, str]
    start: int
    leases: Leases | None
    leaders: dict[bytes, Any] = field(default_factory=dict)

    def do(self, path: str, message: Any) -> tuple[int, Any]:
        """The status, and the answer without what may differ from etcd to etcd."""
        body = written(self._resolved(message))
        answer = self.client.post(f"{self.path}{path}", json=body, headers=self.headers)
        lines = [json.loads(line) for line in answer.text.splitlines()]
        found = [self._told(read(line)) for line in lines]
        if path == "/v3/election/campaign" and answer.status_code == 200:
            session = {"$session": (message["name"], message["lease"])}
            self.leaders[message["name"]] = {**found[0]["leader"], "key": session}
        return answer.status_code, found

    def events(self, create: Any, last: int) -> list[Any]:
        """The events of a watch, up to the revision *last*."""
        message = written({"create_request": self._resolved(create)})
        seen: list[Any] = []
        with Post(self.address, f"{self.path}/v3/watch", message, headers=self.headers) as post:
            while not seen or seen[-1]["kv"]["mod_revision"] < last:
                result = self._told(read(post.result()))
                assert "canceled" not in result, result
                seen += result.get("events", [])
        return seen

    def _resolved(self, message: Any) -> Any:
        """*message* with this side's revisions, and its keys of locks and leaders."""
        match message:
            case {"$leader": name}:
                leader = self.leaders.get(name, {"name": name, "key": b"c/d", "rev": 3, "lease": 1})
                return self._resolved(leader)
            case {"$session": (name, lease)}:
                return self._session_key(name, lease)
            case dict():
                return {
                    name: value + self.start
                    if name in REVISIONS_ASKED and value
                    else self._resolved(value)
                    for name, value in message.items()
                }
            case list():
                return [self._resolved(one) for one in message]
        return message

    def _session_key(self, name: bytes, lease: int) -> bytes:
        known = lease if self.leases is None else self.leases.scope(lease)
        return b"%b/%x" % (name, known)

    def _told(self, message: Any, name: str = "") -> Any:
        match message:
            case dict():
                return {
                    inner: self._told(value, inner)
                    for inner, value in message.items()
                    if inner not in _OF_THE_CLUSTER and inner != _CLOCK
                }
            case list():
                told = [self._told(one, name) for one in message]
                return sorted(told, key=str) if name in ("leases", "keys") else told
            case bytes() if self.leases is not None and name in BYTES:
                return self._plain(message)
            case str() if name in REVISIONS:
                return int(message) - self.start
        return message

    def _plain(self, key: bytes) -> bytes:
        """A session's key ends with its lease as etcd has it: give the caller's instead."""
        name, slash, end = key.rpartition(b"/")
        if slash and self.leases is not None and name.startswith((b"lock", b"elect")):
            return b"%b/%x" % (name, self.leases.unscope(int(end, 16)))
        return key
