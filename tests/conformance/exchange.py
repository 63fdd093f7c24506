"""One HTTP/1.1 exchange, as raw as the standard library's client allows."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

TIMEOUT = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: lower-case header names, repeated headers joined."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        """The body as JSON when it is announced as JSON, else as text."""
        text = self.body.decode("utf-8", "backslashreplace")
        if not self.headers.get("content-type", "").startswith("application/json") or not text:
            return text
        return content_of(text)


def content_of(text: str) -> Any:
    """Read JSON; what is none stays a text that says so."""
    try:
        return json.loads(text, object_pairs_hook=_without_duplicates)
    except ValueError as error:
        return f"<not the JSON it says it is: {error}> {text}"


def exchange(
    address: str,
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]],
    body: bytes | None,
    *,
    chunked: bool = False,
) -> Answer:
    """Send one request on a connection of its own and read the whole answer."""
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value.encode())
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        elif body is not None or method == "POST":
            connection.putheader("Content-Length", str(len(body or b"")))
        with suppress(ConnectionError):  # answered and closed before the body was sent whole
            connection.endheaders([body or b""] if chunked else body, encode_chunked=chunked)
        return _answer(connection.getresponse())
    finally:
        connection.close()


def _answer(response: http.client.HTTPResponse) -> Answer:
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        before = headers.get(name.lower())
        headers[name.lower()] = value if before is None else f"{before}, {value}"
    return Answer(status=response.status, headers=headers, body=response.read())


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError(f"an answer names a member twice: {[name for name, _ in pairs]}")
    return members
