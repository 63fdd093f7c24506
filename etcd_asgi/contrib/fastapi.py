"""A gateway behind the dependencies of a FastAPI application.

Dependencies cannot guard a mount: FastAPI does not run them for applications below. A router can
carry them::

    etcd = gateway_router(Gateway("http://127.0.0.1:2379"), dependencies=[Depends(current_user)])
    app.include_router(etcd, prefix="/etcd")

What a dependency leaves in ``request.state`` is in ``conn.state`` for the gateway's ``access``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response, WebSocket, WebSocketDisconnect, params
from starlette.types import Message, Receive, Scope, Send

from etcd_asgi.arguments import members_of, wrong_type
from etcd_asgi.gateway import Gateway

_METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
"""All of them go to the gateway, as in a mount: it refuses the wrong ones as etcd does."""

_NOTHING_LEFT = (
    "a dependency of the gateway's router has read the request's body as a form or a stream, and"
    " nothing is left for etcd: read it with `await request.body()`, or leave it"
)


def gateway_router(gateway: Gateway, *, dependencies: Sequence[Any] = ()) -> APIRouter:
    """Make a router with *gateway* at and below its prefix, for HTTP and WebSockets.

    The dependencies run before each request, and before each WebSocket is accepted. One that
    raises ``HTTPException`` ends it there, in FastAPI's own form of errors; a WebSocket is refused
    with its status, or by early releases of Starlette with 500. One that is to guard WebSockets
    takes an ``HTTPConnection``, which both have, in place of a ``Request``.

    The application closes the gateway when it shuts down.

    Args:
        gateway: the application behind it.
        dependencies: such as ``[Depends(current_user)]``.

    Raises:
        TypeError: *gateway* is not a gateway, or *dependencies* not a list of ``Depends(...)``; it
            is a ``ValueError`` as well.
    """
    label = "gateway_router(gateway, dependencies=[...])"
    if not isinstance(gateway, Gateway):
        raise wrong_type(f"{label} takes a Gateway", gateway)
    depends = members_of("gateway_router(dependencies=...)", dependencies, "[Depends(user)]")
    for one in depends:
        if not isinstance(one, params.Depends):
            raise wrong_type(f"{label} takes functions as Depends(function)", one)

    async def respond(request: Request, response: Response) -> Response:
        return _Handover(gateway, request, response)

    async def converse(websocket: WebSocket) -> None:
        await gateway(_below(websocket.scope), websocket.receive, _sending(websocket))

    router = APIRouter(dependencies=depends, lifespan=gateway.lifespan)
    router.add_api_route("/{path:path}", respond, methods=_METHODS, include_in_schema=False)
    router.add_api_websocket_route("/{path:path}", converse)
    return router


class _Handover(Response):
    """Response that the gateway sends, with the headers that dependencies have set."""

    def __init__(self, gateway: Gateway, request: Request, response: Response) -> None:
        super().__init__()
        self.raw_headers = response.raw_headers
        self._gateway = gateway
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *self.raw_headers]}
            await send(message)

        receive = _receiving(self._request, receive)
        await self._gateway(_below(scope), receive, send_with_headers if self.raw_headers else send)
        if self.background is not None:
            await self.background()


def _below(scope: Scope) -> Scope:
    """Make the scope as a mount at the router's prefix would.

    Source: Starlette starlette/routing.py, Mount.matches.
    """
    root: str = scope.get("root_path", "")
    path: str = scope["path"]
    local = "/" + scope["path_params"]["path"]
    inside = path.removeprefix(root) if root and path.startswith(f"{root}/") else path
    return {
        **scope,
        "root_path": root + inside.removesuffix(local),
        "app_root_path": scope.get("app_root_path", root),
    }


def _receiving(request: Request, receive: Receive) -> Receive:
    """Make a ``receive`` from the start, also where a dependency has read the body.

    Raises:
        RuntimeError: a dependency has taken it away.
    """
    body: bytes | None = getattr(request, "_body", None)
    if body is None:
        if getattr(request, "_stream_consumed", False):
            raise RuntimeError(_NOTHING_LEFT)
        return receive
    unread = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return unread.pop() if unread else await receive()

    return replay


def _sending(websocket: WebSocket) -> Send:
    """Make a ``send`` to *websocket* that fails as servers do once the client disconnects."""

    async def send(message: Message) -> None:
        try:
            await websocket.send(message)
        except WebSocketDisconnect as error:
            raise OSError("the client has left") from error

    return send
