"""Requests that no RPC answers: unknown paths, other methods, and WebSockets that are refused.

Source: grpc-gateway runtime/mux.go and runtime/errors.go; etcd server/embed/serve.go.
"""

from __future__ import annotations

from starlette.types import Message, Send

from etcd_asgi.asgi.request import Request
from etcd_asgi.asgi.responses import emit, send_denied, send_empty, send_error, send_text
from etcd_asgi.errors import Denied
from etcd_asgi.flavours import Flavour
from etcd_asgi.status import Code

NOT_FOUND = "Not Found"
NOT_ALLOWED = "Method Not Allowed"
OUTSIDE = "404 page not found"
"""For paths under no version prefix: Go's own mux answers these in every release of etcd."""


async def not_found(request: Request, send: Send, flavour: Flavour) -> None:
    """No RPC has this path under its version prefix."""
    send = _without_body(request, send)
    if flavour.json_routing:
        await send_error(send, flavour, Code.NOT_FOUND, NOT_FOUND)
    else:
        await send_text(send, 404, NOT_FOUND)


async def outside(request: Request, send: Send) -> None:
    """The path is under no version prefix."""
    await send_text(_without_body(request, send), 404, OUTSIDE)


async def wrong_method(request: Request, send: Send, flavour: Flavour) -> None:
    """The path is an RPC's, and the method is not POST."""
    send, status = _without_body(request, send), flavour.wrong_method_status
    if flavour.json_routing:
        await send_error(send, flavour, Code.UNIMPLEMENTED, NOT_ALLOWED, status=status)
    else:
        await send_text(send, status, NOT_ALLOWED)


async def options(send: Send) -> None:
    """OPTIONS: etcd answers 200 and nothing. CORS headers are the host's middleware's to add."""
    await send_empty(send, 200)


async def get_only(request: Request, send: Send) -> None:
    """A method other than GET on a neighbour of the API."""
    allow = ((b"allow", b"GET"),)
    await send_text(_without_body(request, send), 405, NOT_ALLOWED, allow)


async def refuse_websocket(request: Request, flavour: Flavour, error: Denied | None) -> None:
    """Refuse an upgrade: with an HTTP response where the server can send one, else by closing.

    Args:
        request: the handshake.
        flavour: whose error body it is.
        error: the reason; ``None``: the path is under no version prefix.
    """
    send = request.send
    await request.receive()
    if "websocket.http.response" not in (request.scope.get("extensions") or {}):
        reason = OUTSIDE if error is None else error.message
        await emit(send, {"type": "websocket.close", "code": 1008, "reason": reason})
        return

    async def as_websocket(event: Message) -> None:
        await emit(send, {**event, "type": f"websocket.{event['type']}"})

    if error is None:
        await send_text(as_websocket, 404, OUTSIDE)
    else:
        await send_denied(as_websocket, flavour, error)


def _without_body(request: Request, send: Send) -> Send:
    """*send*, or for a HEAD request one that keeps the headers and drops the body."""
    if request.method != "HEAD":
        return send

    async def headers_only(event: Message) -> None:
        dropped = event["type"] == "http.response.body"
        await emit(send, {**event, "body": b""} if dropped else event)

    return headers_only
