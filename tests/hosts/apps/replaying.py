"""FastAPI with middleware that reads every body, and then gives it again and again."""

import os
from typing import Any

from fastapi import FastAPI
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from etcd_asgi import Gateway

gateway = Gateway(os.environ["ETCD_URL"])


class Replaying:
    """Its ``receive`` never waits."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"]

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)


async def reset_body(request: Request, call_next: RequestResponseEndpoint) -> Response:
    body = await request.body()

    async def replay() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    request._receive = replay
    return await call_next(request)


app = FastAPI()
app.mount("/plain/etcd", Replaying(gateway))
app.mount("/base/etcd", BaseHTTPMiddleware(gateway, dispatch=reset_body))
app.mount("/etcd", gateway)


@app.post("/close")
async def close() -> None:
    await gateway.aclose()
