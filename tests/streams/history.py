"""Events in great number: puts to one key, and the order in which a watch must tell of them."""

from __future__ import annotations

from base64 import b64decode
from collections import deque
from dataclasses import dataclass
from typing import Any

import grpc

from etcd_asgi.etcd.proto import message_class, message_type
from etcd_asgi.testing import EtcdServer
from tests.streams.post import TIMEOUT

_IN_FLIGHT = 64


@dataclass(slots=True, kw_only=True)
class History:
    """Puts to one key of an etcd to which nobody else writes meanwhile."""

    etcd: EtcdServer
    key: str
    value_bytes: int

    first: int = 0
    """Revision of the first put."""

    last: int = 0
    """Revision of the last."""

    def put(self, count: int) -> None:
        """Put *count* values, of which each tells nothing but its length."""
        request = message_class(message_type("etcdserverpb.PutRequest"))
        body = request(key=self.key.encode(), value=b"x" * self.value_bytes).SerializeToString()
        address = self.etcd.endpoint.removeprefix("http://")
        with grpc.insecure_channel(address) as channel:
            put: Any = channel.unary_unary("/etcdserverpb.KV/Put")
            in_flight: deque[Any] = deque()
            for _ in range(count):
                in_flight.append(put.future(body, timeout=TIMEOUT))
                if len(in_flight) == _IN_FLIGHT:
                    self._put(in_flight.popleft())
            while in_flight:
                self._put(in_flight.popleft())

    def _put(self, answer: Any) -> None:
        response: Any = message_class(message_type("etcdserverpb.PutResponse"))()
        response.MergeFromString(answer.result())
        revision = response.header.revision
        self.first = min(self.first or revision, revision)
        self.last = max(self.last, revision)

    @property
    def puts(self) -> int:
        """How many there were."""
        return self.last - self.first + 1


class Reader:
    """Follows a watch of a history: every put in its place, none twice, all of them whole."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._next = history.first

    @property
    def is_done(self) -> bool:
        """Whether the last put has been read."""
        return self._next > self._history.last

    def read(self, result: Any) -> None:
        """Take the next result of the watch."""
        for event in result.get("events", ()):
            revision = int(event["kv"]["mod_revision"])
            assert revision == self._next, f"{revision} instead of {self._next}"
            assert len(b64decode(event["kv"]["value"])) == self._history.value_bytes
            self._next += 1
