"""Responses to requests for no RPC: unknown paths, other methods, refused WebSockets.

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
"""For paths under no version prefix: the text of Go's own mux, in every release of etcd."""


async def not_found(request: Request, send: Send, flavour: Flavour) -> None:
    """Respond to a path under a version prefix that is no RPC's."""
    send = _without_body(request, send)
    if flavour.json_routing:
        await send_error(send, flavour, Code.NOT_FOUND, NOT_FOUND)
    else:
        await send_text(send, 404, NOT_FOUND)


async def outside(request: Request, send: Send) -> None:
    """Respond to a path under no version prefix."""
    await send_text(_without_body(request, send), 404, OUTSIDE)


async def wrong_method(request: Request, send: Send, flavour: Flavour) -> None:
    """Respond to a method other than POST on the path of an RPC."""
    send, status = _without_body(request, send), flavour.wrong_method_status
    if flavour.json_routing:
        await send_error(send, flavour, Code.UNIMPLEMENTED, NOT_ALLOWED, status=status)
    else:
        await send_text(send, status, NOT_ALLOWED)


async def options(send: Send) -> None:
    """Respond to OPTIONS as etcd does: 200 and nothing. CORS is for the host's middleware."""
    await send_empty(send, 200)


async def get_only(request: Request, send: Send) -> None:
    """Respond to a method other than GET on a path beside the API."""
    allow = ((b"allow", b"GET"),)
    await send_text(_without_body(request, send), 405, NOT_ALLOWED, allow)


async def refuse_websocket(request: Request, flavour: Flavour, error: Denied | None) -> None:
    """Refuse an upgrade: with an HTTP response where the server can send one, else by closing.

    Args:
        request: the handshake.
        flavour: of the error body.
        error: the reason; ``None``: the path is under no version prefix.
    """
    send = request.send
    await request.receive()
    if "websocket.http.response" not in (request.scope.get("extensions") or {}):
        reason = OUTSIDE if error is None else error.message
        await emit(send, {"type": "websocket.close", "code": 1008, "reason": reason})
        return

    async def as_websocket(message: Message) -> None:
        await emit(send, {**message, "type": f"websocket.{message['type']}"})

    if error is None:
        await send_text(as_websocket, 404, OUTSIDE)
    else:
        await send_denied(as_websocket, flavour, error)


def _without_body(request: Request, send: Send) -> Send:
    """Return *send*, for a HEAD request one that drops the body."""
    if request.method != "HEAD":
        return send

    async def headers_only(message: Message) -> None:
        dropped = message["type"] == "http.response.body"
        await emit(send, {**message, "body": b""} if dropped else message)

    return headers_only
