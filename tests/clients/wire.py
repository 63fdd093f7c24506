"""HTTP/1.1 as clients with a parser of their own see it: header by header, chunk by chunk."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

TIMEOUT = 20.0
"""Seconds after which a test gives up on bytes that do not come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The beginning of an answer."""

    status: int
    headers: Mapping[str, str]


class Wire:
    """One connection to the gateway."""

    def __init__(self, connection: socket.socket, stream: IO[bytes]) -> None:
        self._connection = connection
        self._stream = stream

    def send(self, path: str, body: bytes | None = None, headers: Mapping[str, str] = {}) -> None:
        """Send a POST. A body has a Content-Length; nothing else is there unless it is given."""
        lines = [f"POST {path} HTTP/1.1", "Host: gateway"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self._connection.sendall("\r\n".join([*lines, "", ""]).encode() + (body or b""))

    def head(self) -> Head:
        """Read the status line and the headers."""
        status = int(self._stream.readline().split(maxsplit=2)[1])
        headers = {}
        while (line := self._stream.readline().strip()) != b"":
            name, value = line.decode().split(": ", 1)
            headers[name.lower()] = value
        return Head(status=status, headers=headers)

    def chunk(self) -> bytes:
        """Read one chunk of a body in chunks, exactly as it was sent; empty for the last."""
        size = int(self._stream.readline(), 16)
        data = self._stream.read(size)
        assert self._stream.readline() == b"\r\n"
        return data

    def whole(self) -> tuple[int, Any]:
        """Read an answer that says how long it is, and its JSON."""
        head = self.head()
        assert "transfer-encoding" not in head.headers
        return head.status, json.loads(self._stream.read(int(head.headers["content-length"])))

    def call(self, path: str, message: object, headers: Mapping[str, str] = {}) -> tuple[int, Any]:
        """Ask for a unary RPC; gives the HTTP status and the JSON."""
        self.send(path, json.dumps(message).encode(), headers)
        return self.whole()

    def reset(self) -> None:
        """Leave as a process does that is killed: the system answers what still comes with RST."""
        self._connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def connect(port: int) -> Iterator[Wire]:
    """Open a connection to the loopback interface."""
    with (
        socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection,
        connection.makefile("rb") as stream,
    ):
        yield Wire(connection, stream)
