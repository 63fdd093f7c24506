"""Calls over WebSockets: a handshake admitted or refused, and the socket given to its endpoint."""

from __future__ import annotations

from contextlib import suppress

from starlette.types import Receive, Scope, Send

from etcd_asgi.asgi import negotiation, route_errors
from etcd_asgi.asgi.endpoints import websocket
from etcd_asgi.asgi.endpoints.websocket import WebSocketEndpoint
from etcd_asgi.asgi.http_calls import headers_of
from etcd_asgi.asgi.mount import local_path, without_added_slash
from etcd_asgi.asgi.routes import Routes
from etcd_asgi.asgi.unexpected_errors import is_disconnect, log_error
from etcd_asgi.errors import ClientDisconnected, DecodeError, Denied, SendFailed
from etcd_asgi.flavours import Flavour
from etcd_asgi.policy.admission import Admission
from etcd_asgi.upstream import complaint


class SocketCalls:
    """Answers WebSockets.

    Args:
        admission: who may come in.
        routes: the paths that they may name.
        endpoint: runs a call over an accepted socket.
    """

    def __init__(self, admission: Admission, routes: Routes, endpoint: WebSocketEndpoint) -> None:
        self._admission = admission
        self._routes = routes
        self._endpoint = endpoint

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        path = without_added_slash(local_path(scope), scope)
        one = self._routes.flavour_of(path)
        route = None if one is None else self._routes.find(path, one)
        try:
            if one is None:
                raise Denied(404, route_errors.OUTSIDE)
            headers = headers_of({**scope, "headers": websocket.carried_headers(scope)})
            base = None if route is None else route.transcoder
            if base is not None and (query := scope.get("query_string")):
                base = base.in_modes(negotiation.socket_modes(query))
            transcoder = await self._admission.admit_socket(base, headers, scope)
        except (DecodeError, Denied) as error:
            refusal = error if isinstance(error, Denied) else Denied(400, str(error))
            await self._refuse(one, refusal, scope, receive, send)
            return
        try:
            await websocket.accept(scope, receive, send)
            if transcoder is None:
                await websocket.unknown_path(send, one)
            else:
                await self._endpoint.answer(transcoder, headers, receive, send)
        except Exception as error:  # noqa: BLE001 - logged there
            if not await is_disconnect(error, receive):
                await _break(error, path, send)
        finally:
            if transcoder is not None:
                transcoder.close()

    async def _refuse(
        self, one: Flavour | None, refusal: Denied, scope: Scope, receive: Receive, send: Send
    ) -> None:
        first = self._routes.first
        try:
            await route_errors.refuse_websocket(scope, receive, send, one or first, refusal)
        except (ClientDisconnected, SendFailed) as error:
            if not await is_disconnect(error, receive):
                log_error("a WebSocket of %r could not be refused", scope["path"], error)


async def _break(error: Exception, path: str, send: Send) -> None:
    """Close a WebSocket for an error that its client is not told."""
    if complaint() is None:
        log_error("error in a WebSocket of %r", path, error)
    with suppress(Exception):  # the client may be gone
        await websocket.broken(send)
