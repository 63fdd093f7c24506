"""A gateway in a host, as its clients see it."""

from __future__ import annotations

import http.client
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from tests.hosts.hosts import Host
from tests.hosts.serving import AppServer

TIMEOUT = 20.0
"""Seconds after which a request that is not answered fails its test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A test does not know in which host and under which server it runs."""

    host: Host
    server: AppServer
    client: httpx.Client
    """Its base is the gateway."""

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return self.server.url + self.host.mount

    def call(self, path: str, message: object) -> httpx.Response:
        """POST *message* as JSON."""
        return self.client.post(path, json=message)

    def send(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request on a connection of its own, with the path as it is: nothing is decoded,
        encoded or followed. Pieces of a body go out as chunks."""
        connection = http.client.HTTPConnection(*self.server.host_and_port, timeout=TIMEOUT)
        chunked = body is not None and not isinstance(body, bytes)
        sent = {**(headers or {}), **({"Transfer-Encoding": "chunked"} if chunked else {})}
        try:
            connection.request(method, self.host.mount + path, body, sent, encode_chunked=chunked)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(status=response.status, headers=found, body=response.read())
        finally:
            connection.close()


def text(value: str) -> str:
    """*value* as etcd's JSON has keys and values."""
    return b64encode(value.encode()).decode()
