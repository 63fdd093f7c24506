"""A caller in a namespace, over HTTP and over WebSocket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from tests.hosts.target import TIMEOUT
from tests.namespace.etcdjson import read, written
from tests.streams.post import Post


@dataclass(frozen=True, slots=True)
class Caller:
    """One user of a host; *client* has the gateway as its base."""

    client: httpx.Client
    address: tuple[str, int]
    mount: str
    headers: dict[str, str]

    def ask(self, path: str, **message: Any) -> tuple[int, Any]:
        """The status, and the first message of the answer."""
        return self.send(path, json.dumps(written(message)).encode())

    def send(self, path: str, body: bytes) -> tuple[int, Any]:
        """The same for a body as it is."""
        answer = self.client.post(self.mount + path, content=body, headers=self.headers)
        lines = answer.text.splitlines()
        return answer.status_code, read(json.loads(lines[0])) if lines else None

    def call(self, path: str, **message: Any) -> Any:
        """The answer of a call that must succeed."""
        status, answer = self.ask(path, **message)
        assert status == 200, answer
        return answer

    def stream(self, path: str, **message: Any) -> Post:
        """A call whose answer goes on."""
        return Post(self.address, self.mount + path, written(message), headers=self.headers)

    @contextmanager
    def socket(self, path: str) -> Iterator[ClientConnection]:
        """The same path over WebSocket."""
        url = f"ws://{self.address[0]}:{self.address[1]}{self.mount}{path}"
        with connect(url, additional_headers=self.headers, open_timeout=TIMEOUT) as socket:
            yield socket
