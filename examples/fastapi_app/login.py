"""Logging in and out, with a session in a signed cookie."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from html import escape
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, RedirectResponse, Response

from .users import User, Users, check

PAGES = Path(__file__).parent / "page"
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
}
"""Of each page: it loads its own files, talks to its own host, and stands in nobody's frame."""

_MAX_FORM_BYTES = 4096
_MAX_LOGINS = 10_000


class Logins:
    """Who is logged in, by a random name that only the session's cookie knows.

    It is in memory, so it is for one process; a host with more of them keeps it in its database.
    """

    def __init__(self, users: Users) -> None:
        self._users = users
        self._live: OrderedDict[str, User] = OrderedDict()

    async def begin(self, conn: HTTPConnection, name: str, password: str) -> User | None:
        """Log in, if the password is right."""
        user = await run_in_threadpool(check, self._users, name, password)
        if user is not None:
            self.end(conn)
            conn.session["login"] = login = secrets.token_urlsafe()
            self._live[login] = user
            if len(self._live) > _MAX_LOGINS:
                self._live.popitem(last=False)
        return user

    def end(self, conn: HTTPConnection) -> None:
        """Log out: a copy of the cookie is of no use from now on."""
        self._live.pop(conn.session.pop("login", ""), None)

    def user(self, conn: HTTPConnection) -> User | None:
        """Who has sent a request, or opened a WebSocket."""
        return self._live.get(conn.session.get("login", ""))


def own_page(request: Request) -> None:
    """Refuse forms that pages of other sites have sent: browsers say where a request is from."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        is_own = site in ("same-origin", "none")
    else:
        is_own = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if not is_own:
        raise HTTPException(403, "this form was sent by a page of another site")


def login_router(logins: Logins) -> APIRouter:
    """``GET`` and ``POST /login``, ``POST /logout``."""
    router = APIRouter()
    form_page = (PAGES / "login.html").read_text()

    @router.get("/login")
    def page() -> Response:
        return HTMLResponse(form_page, headers=HEADERS)

    @router.post("/login", dependencies=[Depends(own_page)])
    async def login(request: Request) -> Response:
        form = await _form(request)
        user = await logins.begin(request, form.get("name", ""), form.get("password", ""))
        if user is None:
            return HTMLResponse(_wrong(form_page, form.get("name", "")), 401, HEADERS)
        return RedirectResponse("./", 303)

    @router.post("/logout", dependencies=[Depends(own_page)])
    def logout(request: Request) -> Response:
        logins.end(request)
        return RedirectResponse("./login", 303)

    return router


def _wrong(form_page: str, name: str) -> str:
    """Make the page after a wrong password: it says so, and the name need not be typed again."""
    page = form_page.replace(" hidden", "").replace(" autofocus", "")
    page = page.replace('type="password"', 'type="password" autofocus')
    return page.replace('name="name" value=""', f'name="name" value="{escape(name)}"')


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MAX_FORM_BYTES:
            raise HTTPException(413, "this form is too long")
    return dict(parse_qsl(body.decode("utf-8", "replace")))
