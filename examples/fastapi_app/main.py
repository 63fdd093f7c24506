"""A FastAPI application whose users see their team's part of etcd, as if it were all."""

from __future__ import annotations

import secrets

from fastapi import FastAPI, Request
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from etcd_asgi import KEY_VALUE, READ_ONLY, Denied, Gateway, Grant

from .login import HEADERS, PAGES, Logins, login_router
from .users import Users


def application(etcd: str, users: Users) -> FastAPI:
    """The application, for the etcd at this URL and for these users."""
    logins = Logins(users)

    async def access(conn: HTTPConnection) -> Grant:
        """What a request to /etcd may do: a team has its own part of etcd."""
        user = logins.user(conn)
        if user is None:
            raise Denied(401, "log in first")
        return Grant(
            rpcs=READ_ONLY if user.read_only else KEY_VALUE,
            namespace=f"/teams/{user.team}/".encode(),
            user=user.name,
        )

    gateway = Gateway(etcd, access=access, explorer=True)
    app = FastAPI(lifespan=gateway.lifespan, openapi_url=None)
    app.state.gateway = gateway
    app.mount("/etcd", gateway)
    app.mount("/page", StaticFiles(directory=PAGES))
    app.include_router(login_router(logins))
    app.add_middleware(  # with HTTPS in front: https_only=True
        SessionMiddleware, secret_key=secrets.token_hex(32), session_cookie="demo_session"
    )

    @app.get("/")
    def index(request: Request) -> Response:
        if logins.user(request) is None:
            return RedirectResponse("./login", 303)
        return FileResponse(PAGES / "index.html", headers=HEADERS)

    return app
