"""A WebSocket client that sends what it is told, odd things too. RFC 6455."""

from __future__ import annotations

import http.client
import os
from base64 import b64encode
from collections.abc import Iterable
from io import BufferedReader

from .line import End, Head, Line, Piece
from .post import joined

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_FINAL, _MASKED = 0x80, 0x80
_UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": b64encode(bytes(16)).decode(),
}


class WebSocket(Line):
    """One upgrade, and the messages after it."""

    def __init__(
        self, address: str, method: str, target: str, headers: Iterable[tuple[str, str]]
    ) -> None:
        super().__init__(address)
        given = list(headers)
        named = {name.lower() for name, _ in given}
        usual = [(name, value) for name, value in _UPGRADE.items() if name.lower() not in named]
        lines = [f"{method} {target} HTTP/1.1", f"Host: {address}"]
        lines += [f"{name}: {value}" for name, value in (*usual, *given)]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._closing = False

    def send(self, data: bytes) -> None:
        """Send a text message."""
        self.frame(TEXT, data)

    def send_in_frames(self, pieces: Iterable[bytes]) -> None:
        """Send one text message in several frames."""
        first, *more = pieces
        self.frame(TEXT, first, final=not more)
        for number, piece in enumerate(more, 1):
            self.frame(CONTINUATION, piece, final=number == len(more))

    def close(self, code: int) -> None:
        """Begin to close, as a client does."""
        self._closing = True
        self.frame(CLOSE, code.to_bytes(2, "big"))

    def frame(self, opcode: int, data: bytes, *, final: bool = True) -> None:
        """Send a frame."""
        first = opcode | (_FINAL if final else 0)
        size = len(data)
        if size < 126:
            head = bytes([first, _MASKED | size])
        else:
            head = bytes([first, _MASKED | 127]) + size.to_bytes(8, "big")
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
        self.socket.sendall(head + mask + masked)

    def read_events(self) -> End:
        """Read the answer to the upgrade, then message by message."""
        with self.socket.makefile("rb") as stream:
            # The head of an answer is read as any other's; what follows a 101 is not its body.
            status = int(stream.readline().split(maxsplit=2)[1])
            headers = joined(http.client.parse_headers(stream).items())
            self.tell(Head(status=status, headers=headers))
            if status == 101:
                return self._messages(stream)
            for line in stream.read(int(headers["content-length"])).splitlines(keepends=True):
                self.tell(Piece(data=line))
            return End(how="end")

    def _messages(self, stream: BufferedReader) -> End:
        message = b""
        while True:
            opcode, final, data = _read_frame(stream)
            match opcode:
                case 0x8:
                    how = "echo" if self._closing else "over"
                    return End(how=how, code=int.from_bytes(data[:2], "big"))
                case 0x9:
                    self.frame(PONG, data)
                case 0xA:
                    self.tell(Piece(data=b'{"pong":"%b"}' % data))
                case _:
                    message += data
                    if final:
                        self.tell(Piece(data=message))
                        message = b""


def _read_frame(stream: BufferedReader) -> tuple[int, bool, bytes]:
    first, second = _exactly(stream, 2)
    size = second & ~_MASKED
    if size >= 126:
        size = int.from_bytes(_exactly(stream, 2 if size == 126 else 8), "big")
    return first & 0xF, bool(first & _FINAL), _exactly(stream, size)


def _exactly(stream: BufferedReader, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data
