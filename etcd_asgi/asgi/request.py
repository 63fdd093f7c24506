"""A client's request, HTTP or the handshake of a WebSocket. Its headers are read here alone."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from etcd_asgi.asgi.mount import local_path
from etcd_asgi.metadata import Headers, RequestHeaders, read

_MAX_DIGITS = 20
"""Digits of a Content-Length that are read: with more it is above any limit."""


class Request:
    """A request that an ASGI server has received.

    Args:
        scope: of the connection.
        receive: gives its ASGI messages.
        send: takes those of the response.
    """

    __slots__ = ("expects", "method", "path", "receive", "scope", "send")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.path: str = local_path(scope) if scope.get("root_path") else scope["path"]
        """Below the mount."""

        self.method: str = scope.get("method", "")
        """Of HTTP; empty for a WebSocket."""

        self.expects: bool | None = None
        """See :meth:`awaits_continue`; ``None``: not yet known."""

    @property
    def query(self) -> bytes:
        """The query string, as in the URL."""
        query: bytes = self.scope.get("query_string", b"")
        return query

    def call_headers(self, headers: Headers | None = None) -> RequestHeaders:
        """Read the headers that concern the call.

        Args:
            headers: in place of the request's own.

        Raises:
            DecodeError: one of them cannot be read.
        """
        client = self.scope.get("client")
        if headers is None:
            headers = self.scope["headers"]
        found = read(headers, client[0] if client else None)
        self.expects = found.expects
        return found

    def header(self, name: bytes) -> bytes | None:
        """Return the first header of a name, in lower case."""
        return next((value for key, value in self.scope["headers"] if key == name), None)

    def text(self, name: bytes) -> str:
        """Return the headers of a name with commas between them; empty if there is none."""
        values = [value for key, value in self.scope["headers"] if key == name]
        return b",".join(values).decode("latin-1")

    def length(self) -> int:
        """Return the Content-Length; 0 without one."""
        value = self.header(b"content-length") or b""
        return int(value[:_MAX_DIGITS]) if value.isdigit() else 0

    def awaits_continue(self) -> bool:
        """Return True if the client sends its body after ``100 Continue`` alone.

        Servers send that as soon as the body is received.
        """
        if self.expects is None:
            self.expects = self.header(b"expect") is not None
        return self.expects

    def holds_connection(self) -> bool:
        """Return True if a body that is not read keeps the connection from being used again."""
        if not str(self.scope.get("http_version", "1.1")).startswith("1"):
            return False
        return any(name in _BODY_HEADERS and value != b"0" for name, value in self.scope["headers"])

    def is_handshake(self) -> bool:
        """Return True for an HTTP request that is the rest of a WebSocket's handshake.

        Source: RFC 6455 section 4.1.
        """
        return self.header(b"sec-websocket-key") is not None


_BODY_HEADERS = frozenset({b"content-length", b"transfer-encoding"})
