"""Whole responses, as ASGI messages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Iterable, Mapping

from starlette.types import Message, Receive, Send

from etcd_asgi.asgi.body import skip_short
from etcd_asgi.asgi.request import Request
from etcd_asgi.errors import ClientDisconnected, Denied, SendFailed
from etcd_asgi.flavours import Flavour
from etcd_asgi.status import Code

Headers = Iterable[tuple[bytes, bytes]]

_JSON = b"application/json"
_TEXT = (
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"x-content-type-options", b"nosniff"),
)


def send_json(
    send: Send, status: int, body: bytes, headers: Headers = (), content_type: bytes = _JSON
) -> Awaitable[None]:
    """Respond with JSON."""
    return _send(send, status, body, ((b"content-type", content_type), *headers))


async def send_members(
    send: Send, status: int, members: Mapping[str, object], headers: Headers = ()
) -> None:
    """Respond with a JSON object."""
    await send_json(send, status, json.dumps(members, separators=(",", ":")).encode(), headers)


async def send_text(send: Send, status: int, text: str, headers: Headers = ()) -> None:
    """Respond with a line of plain text, as Go's ``http.Error`` does."""
    await _send(send, status, text.encode() + b"\n", (*_TEXT, *headers))


async def send_empty(send: Send, status: int, headers: Headers = ()) -> None:
    """Respond with no body."""
    await _send(send, status, b"", headers)


async def after_short_body(request: Request) -> Send:
    """Return ``send`` for the response to a request of which nothing has been read.

    A short body is read and dropped, so that the connection can be used again. With a longer one
    it is closed: see :func:`without_reading`.

    Source: Go net/http server.go, maxPostHandlerReadBytes.
    """
    if request.holds_connection() and not request.awaits_continue() and await skip_short(request):
        return request.send
    return without_reading(request)


def without_reading(request: Request) -> Send:
    """Return ``send`` for a response that is given before the request's body has been read.

    It closes an HTTP/1 connection that has a body under way: the rest of the body would be
    taken for the next request, or delay it.
    """
    send = request.send
    if not request.holds_connection():
        return send

    async def closing(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        await send(message)

    return closing


async def send_error(
    send: Send,
    flavour: Flavour,
    code: int,
    message: str,
    status: int | None = None,
    headers: Headers = (),
) -> None:
    """Respond with the *flavour*'s error body.

    Args:
        send: of the request.
        flavour: of its path.
        code: gRPC code.
        message: for the client.
        status: HTTP status, where it is not the one that stands for *code*.
        headers: in addition.
    """
    headers = list(headers)
    challenged = any(name == b"www-authenticate" for name, _ in headers)
    if flavour.www_authenticate and code == Code.UNAUTHENTICATED and not challenged:
        headers.append((b"www-authenticate", _header_value(message)))
    status = flavour.http_status(code) if status is None else status
    await send_json(send, status, flavour.error_body(code, message), headers)


async def send_denied(send: Send, flavour: Flavour, refusal: Denied) -> None:
    """Respond with the host's refusal, in the *flavour*'s error body."""
    headers = [
        (name.lower().encode("latin-1"), _header_value(value))
        for name, value in refusal.headers.items()
        if name.lower() not in _OURS
    ]
    await send_error(send, flavour, refusal.code, refusal.message, refusal.status, headers)


_OURS = frozenset({"content-type", "content-length", "transfer-encoding", "connection"})
"""Headers that the response has of its own."""


def _header_value(text: str) -> bytes:
    """Replace all characters that a header may not hold, such as line breaks."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return printable.encode("ascii", "replace")


async def _send(send: Send, status: int, body: bytes, headers: Headers) -> None:
    for message in messages(status, body, headers):
        await emit(send, message)


async def emit(send: Send, message: Message) -> None:
    """Send an ASGI message.

    Raises:
        ClientDisconnected: the server reports it.
        SendFailed: it cannot be sent, for this reason or another.
    """
    try:
        await send(message)
    except OSError:
        raise ClientDisconnected from None
    except (ClientDisconnected, SendFailed):
        raise
    except Exception as error:
        raise SendFailed from error


_LOOK_TIME = 1.0
"""Seconds in which a server reports a disconnect that it knows of."""


async def has_disconnected(receive: Receive) -> bool:
    """Return True if the client, to which no response could be sent, has disconnected."""
    try:
        async with asyncio.timeout(_LOOK_TIME):
            while not (await receive())["type"].endswith(".disconnect"):  # noqa: ASYNC110
                await asyncio.sleep(0)  # some hosts give the same message for ever
    except TimeoutError:
        return False
    except Exception:  # noqa: BLE001 - some servers and hosts raise what they like once it is over
        return True
    return True


def messages(status: int, body: bytes, headers: Headers) -> tuple[Message, Message]:
    """Return the ASGI messages of a whole response."""
    length = (b"content-length", b"%d" % len(body))
    return (
        {"type": "http.response.start", "status": status, "headers": [*headers, length]},
        {"type": "http.response.body", "body": body},
    )
