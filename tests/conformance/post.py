"""A POST whose body may stay open while its answer is read."""

from __future__ import annotations

import http.client
from collections.abc import Iterable
from contextlib import suppress

from .line import End, Head, Line, Piece


class Post(Line):
    """One request. Without a body it is sent in chunks, as the script says."""

    def __init__(
        self,
        address: str,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]],
        body: bytes | None,
    ) -> None:
        super().__init__(address)
        self._connection = http.client.HTTPConnection(address)
        self._connection.sock = self.socket
        self._connection.putrequest(method, target, skip_accept_encoding=True)
        given = dict(headers)
        if body is not None:
            given["Content-Length"] = str(len(body))
        elif method == "POST":
            # Go's server does not answer before it has read a body, unless it is to close after.
            given = {"Connection": "close", **given, "Transfer-Encoding": "chunked"}
        for name, value in given.items():
            self._connection.putheader(name, value.encode())
        self._connection.endheaders(body)

    def send(self, data: bytes) -> None:
        """Send a chunk; the other side may have ended the call meanwhile, and reads no more."""
        with suppress(OSError):
            self.socket.sendall(b"%x\r\n%b\r\n" % (len(data), data))

    def finish(self) -> None:
        """End the body; see :meth:`send`."""
        with suppress(OSError):
            self.socket.sendall(b"0\r\n\r\n")

    def read_events(self) -> End:
        """Read the head, then line by line."""
        try:
            with self._connection.getresponse() as response:
                self.tell(Head(status=response.status, headers=joined(response.getheaders())))
                while line := response.readline():
                    self.tell(Piece(data=line))
        except http.client.HTTPException:
            return End(how="cut")
        return End(how="end")


def joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Bring headers into a dict, names in lower case, values of one name joined."""
    together: dict[str, str] = {}
    for name, value in headers:
        before = together.get(name.lower())
        together[name.lower()] = value if before is None else f"{before}, {value}"
    return together
