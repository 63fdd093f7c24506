"""A streaming call over POST on a raw socket: chunks go out and come in one by one."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

TIMEOUT = 20.0
"""Seconds after which a test gives up on an answer."""


class Post:
    """One request, its body open, and its answer as it comes."""

    def __init__(
        self,
        address: tuple[str, int],
        path: str,
        *body: object,
        headers: Mapping[str, str] | None = None,
        receive_buffer: int | None = None,
    ) -> None:
        """Send the head, and each of *body* as a chunk: bytes as they are, all else as JSON."""
        self.socket = socket.socket()
        self.socket.settimeout(TIMEOUT)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(address)
        self._reader = self.socket.makefile("rb")
        lines = [f"POST {path} HTTP/1.1", f"Host: {address[0]}", "Transfer-Encoding: chunked"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.socket.sendall("\r\n".join([*lines, "\r\n"]).encode())
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.send(*body)

    def send(self, *pieces: object) -> None:
        """Send each as one chunk."""
        for piece in pieces:
            data = piece if isinstance(piece, bytes) else json.dumps(piece).encode()
            self.socket.sendall(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        """End the body."""
        self.socket.sendall(b"0\r\n\r\n")

    def head(self) -> int:
        """Wait for the status and headers."""
        if self.status is None:
            self.status = int(self._line().split()[1])
            while line := self._line():
                name, _, value = line.decode("latin-1").partition(":")
                self.headers[name.lower()] = value.strip()
        return self.status

    def chunk(self) -> bytes:
        """The next chunk of the answer; empty at its end.

        Raises:
            EOFError: the connection ended before the answer did.
        """
        self.head()
        length = int(self._line(), 16)
        data = self._reader.read(length + 2)
        if len(data) < length + 2:
            raise EOFError("the connection ended in a chunk")
        return data[:-2]

    def message(self) -> Any:
        """The next chunk, which must be one piece of JSON; ``None`` at the end."""
        chunk = self.chunk()
        assert b"\n" not in chunk[:-1], chunk
        return json.loads(chunk) if chunk else None

    def result(self) -> Any:
        """The result in the next chunk, which must be one line."""
        chunk = self.chunk()
        assert chunk.endswith(b"\n"), chunk
        assert b"\n" not in chunk[:-1], chunk
        message = json.loads(chunk)
        assert list(message) == ["result"], message
        return message["result"]

    def body(self) -> bytes:
        """All of a body with Content-Length, or what is left of a chunked one."""
        self.head()
        if "content-length" in self.headers:
            return self._reader.read(int(self.headers["content-length"]))
        return b"".join(iter(self.chunk, b""))

    def half_close(self) -> None:
        """Say that nothing will be sent any more, and go on listening."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Vanish, as a process that is killed: the peer gets a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """Leave."""
        self._reader.close()
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _line(self) -> bytes:
        line = self._reader.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError("the connection ended")
        return line[:-2]
