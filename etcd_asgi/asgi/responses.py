"""Whole answers, as ASGI events."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable

from starlette.types import Message, Receive, Send

from etcd_asgi.asgi.body import skip_short
from etcd_asgi.asgi.request import Request
from etcd_asgi.errors import ClientDisconnected, Denied, SendFailed
from etcd_asgi.flavours import Flavour
from etcd_asgi.status import Code

CANCELLED = "context canceled"
"""What Go's gRPC says of a call that its caller gave up."""

Headers = Iterable[tuple[bytes, bytes]]

_JSON = b"application/json"
_TEXT = (
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"x-content-type-options", b"nosniff"),
)


def send_json(
    send: Send, status: int, body: bytes, headers: Headers = (), content_type: bytes = _JSON
) -> Awaitable[None]:
    """Answer with JSON."""
    return _send(send, status, body, ((b"content-type", content_type), *headers))


async def send_text(send: Send, status: int, text: str, headers: Headers = ()) -> None:
    """Answer with a line of plain text, as Go's ``http.Error`` does."""
    await _send(send, status, text.encode() + b"\n", (*_TEXT, *headers))


async def send_empty(send: Send, status: int, headers: Headers = ()) -> None:
    """Answer with no body."""
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

    It closes an HTTP/1 connection that has a body under way: what is left of the body would be
    taken for the next request, or hold it up.
    """
    send = request.send
    if not request.holds_connection():
        return send

    async def closing(event: Message) -> None:
        if event["type"] == "http.response.start":
            event = {**event, "headers": [*event["headers"], (b"connection", b"close")]}
        await send(event)

    return closing


async def send_error(
    send: Send,
    flavour: Flavour,
    code: int,
    message: str,
    status: int | None = None,
    headers: Headers = (),
) -> None:
    """Answer with the *flavour*'s error body.

    Args:
        send: where to.
        flavour: whose body and statuses.
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
    """Answer with the host's refusal, in the *flavour*'s error body."""
    headers = [
        (name.lower().encode("latin-1"), _header_value(value))
        for name, value in refusal.headers.items()
        if name.lower() not in _OURS
    ]
    await send_error(send, flavour, refusal.code, refusal.message, refusal.status, headers)


_OURS = frozenset({"content-type", "content-length", "transfer-encoding", "connection"})
"""Headers that the answer has for itself."""


def _header_value(text: str) -> bytes:
    """*text* as a header may hold it: no line breaks, no controls."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return printable.encode("ascii", "replace")


async def _send(send: Send, status: int, body: bytes, headers: Headers) -> None:
    for event in events(status, body, headers):
        await emit(send, event)


async def emit(send: Send, event: Message) -> None:
    """Send an ASGI message.

    Raises:
        ClientDisconnected: the server says that nobody is there to read it.
        SendFailed: it cannot be sent, for another reason or for this one.
    """
    try:
        await send(event)
    except OSError:
        raise ClientDisconnected from None
    except (ClientDisconnected, SendFailed):
        raise
    except Exception as error:
        raise SendFailed from error


_LOOK_TIME = 1.0
"""Seconds in which a server tells of a disconnect that it knows of."""


async def has_disconnected(receive: Receive) -> bool:
    """Tell whether the client of a request that could not be answered has disconnected."""
    try:
        async with asyncio.timeout(_LOOK_TIME):
            while not (await receive())["type"].endswith(".disconnect"):  # noqa: ASYNC110
                await asyncio.sleep(0)  # some hosts give the same message for ever
    except TimeoutError:
        return False
    except Exception:  # noqa: BLE001 - some servers and hosts raise what they like once it is over
        return True
    return True


def events(status: int, body: bytes, headers: Headers) -> tuple[Message, Message]:
    """The events of a whole answer."""
    length = (b"content-length", b"%d" % len(body))
    return (
        {"type": "http.response.start", "status": status, "headers": [*headers, length]},
        {"type": "http.response.body", "body": body},
    )
