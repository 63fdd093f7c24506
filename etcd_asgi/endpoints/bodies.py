"""Request bodies, read up to a limit."""

from __future__ import annotations

from starlette.types import Message, Receive, Scope

from etcd_asgi.framing import Splitter


class ClientGone(Exception):
    """The client left before its request was whole: there is nobody to answer."""


class BodyTooLarge(Exception):
    """The body is longer than the limit. ``str()`` is the text for the client."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"request body is too large: at most {limit} bytes are taken")


async def read_body(scope: Scope, receive: Receive, limit: int, *, whole: bool) -> bytes:
    """The request's body.

    Args:
        scope: the request, whose Content-Length may tell beforehand that it is too long.
        receive: where the body comes from.
        limit: longest body in bytes.
        whole: read to the end; if not, the first whole JSON value is enough, so that a call can
            start while the client holds its request open.

    Raises:
        BodyTooLarge: it is longer than *limit*.
        ClientGone: the client left.
    """
    event = await receive()
    if not event.get("more_body", False):
        body: bytes = _piece(event)
        if len(body) > limit:
            raise BodyTooLarge(limit)
        return body
    if _declared_length(scope) > limit:
        raise BodyTooLarge(limit)
    read = _read_whole if whole else _read_first
    return await read(event, receive, limit)


async def _read_whole(event: Message, receive: Receive, limit: int) -> bytes:
    body = bytearray(_piece(event))
    while event.get("more_body", False):
        if len(body) > limit:
            raise BodyTooLarge(limit)
        event = await receive()
        body += _piece(event)
    if len(body) > limit:
        raise BodyTooLarge(limit)
    return bytes(body)


async def _read_first(event: Message, receive: Receive, limit: int) -> bytes:
    splitter, length = Splitter(), 0
    while True:
        piece = _piece(event)
        length += len(piece)
        if length > limit:
            raise BodyTooLarge(limit)
        values = splitter.feed(piece)
        if values:
            return values[0]
        if not event.get("more_body", False):
            return splitter.close()
        event = await receive()


def _piece(event: Message) -> bytes:
    if event["type"] == "http.disconnect":
        raise ClientGone
    piece: bytes = event.get("body", b"")
    return piece


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
