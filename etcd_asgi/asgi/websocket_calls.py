"""Calls over WebSockets: each handshake is admitted, and handed to the endpoint."""

from __future__ import annotations

from contextlib import suppress

from starlette.types import Send

from etcd_asgi.asgi.endpoints import websocket
from etcd_asgi.asgi.endpoints.websocket import WebSocketEndpoint
from etcd_asgi.asgi.mount import without_added_slash
from etcd_asgi.asgi.negotiation import socket_modes
from etcd_asgi.asgi.request import Request
from etcd_asgi.asgi.route_errors import refuse_websocket
from etcd_asgi.asgi.routes import Routes
from etcd_asgi.asgi.unexpected_errors import is_disconnect, log_error
from etcd_asgi.codec.modes import DEFAULT
from etcd_asgi.errors import ClientDisconnected, DecodeError, Denied, SendFailed
from etcd_asgi.flavours import Flavour
from etcd_asgi.policy.admission import Admission
from etcd_asgi.upstream import complaint


class WebSocketCalls:
    """The WebSockets of a gateway.

    Args:
        admission: of the gateway.
        routes: their paths.
        endpoint: makes a call over an accepted socket.
    """

    def __init__(self, admission: Admission, routes: Routes, endpoint: WebSocketEndpoint) -> None:
        self._admission = admission
        self._routes = routes
        self._endpoint = endpoint

    async def connect(self, request: Request) -> None:
        """Handle one connection."""
        path = without_added_slash(request.path, request.scope)
        flavour = self._routes.flavour_of(path)
        if flavour is None:
            await self._refuse(request, self._routes.first, None)
            return
        method = self._routes.find(path, flavour)
        try:
            headers = request.call_headers(websocket.carried_headers(request))
            is_moded = method is not None and request.query
            modes = socket_modes(request.query) if is_moded else DEFAULT
            call = await self._admission.admit_socket(method, modes, headers, request.scope)
        except (DecodeError, Denied) as error:
            refusal = error if isinstance(error, Denied) else Denied(400, str(error))
            await self._refuse(request, flavour, refusal)
            return
        try:
            await websocket.accept(request)
            if call is None:
                await websocket.unknown_path(request.send, flavour)
            else:
                await self._endpoint.respond(call, request)
        except Exception as error:  # noqa: BLE001 - logged there
            if not await is_disconnect(error, request.receive):
                await _break(error, path, request.send)

    async def _refuse(self, request: Request, flavour: Flavour, refusal: Denied | None) -> None:
        try:
            await refuse_websocket(request, flavour, refusal)
        except (ClientDisconnected, SendFailed) as error:
            if not await is_disconnect(error, request.receive):
                log_error("a WebSocket of %r could not be refused", request.scope["path"], error)


async def _break(error: Exception, path: str, send: Send) -> None:
    """Log an error that is not for the client, and close the WebSocket."""
    if complaint() is None:
        log_error("error in a WebSocket of %r", path, error)
    with suppress(Exception):  # the client may have disconnected
        await websocket.broken(send)
