"""TCP ports of this machine that nobody else gets while we hold them.

A port that was free a moment ago may be taken when etcd asks for it, and a port whose server was
just killed may be given to some outgoing connection, even to a client that was trying to reach the
dead server. On Linux both are prevented by a socket that stays bound to the port without
listening: the kernel hands the port to nobody, and a server that sets ``SO_REUSEADDR``, as every
Go program does, can still listen on it. Elsewhere the socket is closed at once, and the port is
only likely to be free.
"""

import socket
import sys

LOOPBACK = "127.0.0.1"


class ReservedPort:
    """One port of the loopback interface, chosen by the system."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((LOOPBACK, 0))
        self.number: int = self._socket.getsockname()[1]
        if sys.platform != "linux":
            self._socket.close()

    @property
    def url(self) -> str:
        """The port as a plain-text URL: ``http://127.0.0.1:40123``."""
        return f"http://{LOOPBACK}:{self.number}"

    def release(self) -> None:
        """Give the port back to the system."""
        self._socket.close()
