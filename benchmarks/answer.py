"""HTTP/1.1 answers, as much as the servers that are measured use of it."""

from __future__ import annotations

_HEAD_END = b"\r\n\r\n"
_LINE_END = b"\r\n"


class Answer:
    """One answer that comes in pieces, with a Content-Length or chunked."""

    __slots__ = ("_buffer", "_chunked", "_rest", "body_bytes", "status")

    def __init__(self) -> None:
        self.status = 0
        """0 before the head is whole."""

        self.body_bytes = 0
        """Bytes of the body, without the framing of chunks."""

        self._buffer = b""
        self._chunked = False
        self._rest = 0

    def feed(self, data: bytes) -> bool:
        """Take a piece; true when the answer is whole."""
        if not self.status:
            self._buffer += data
            end = self._buffer.find(_HEAD_END)
            if end < 0:
                return False
            self._read_head(self._buffer[:end].lower())
            data, self._buffer = self._buffer[end + len(_HEAD_END) :], b""
        if self._chunked:
            return self._feed_chunks(data)
        self._rest -= len(data)
        return self._rest <= 0

    def _read_head(self, head: bytes) -> None:
        self.status = int(head[9:12])
        at = head.find(b"\r\ncontent-length:")
        if at < 0:
            self._chunked = True
            return
        self.body_bytes = self._rest = int(head[at + 17 :].partition(_LINE_END)[0])

    def _feed_chunks(self, data: bytes) -> bool:
        """``_rest`` counts the bytes of the current chunk and its line end that are to come."""
        data, self._buffer = self._buffer + data, b""
        at = 0
        while True:
            if self._rest > len(data) - at:
                self._rest -= len(data) - at
                return False
            at += self._rest
            self._rest = 0
            end = data.find(_LINE_END, at)
            if end < 0:
                self._buffer = data[at:]
                return False
            size = int(data[at:end], 16)
            if size == 0:
                self._buffer = data[at:]
                return self._buffer.endswith(_HEAD_END)
            self.body_bytes += size
            at, self._rest = end + len(_LINE_END), size + len(_LINE_END)
