"""The host application of the browser tests: a page, a login with a cookie, and a gateway.

``ETCD_URL``, ``MOUNT``, ``GUARDED`` (whether one has to log in) and ``TOKENS`` (whether etcd itself
decides, by its own tokens) come from the environment.
"""

import os

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from etcd_asgi import FULL, READ_ONLY, Denied, Gateway, Grant, passthrough

MOUNT = os.environ.get("MOUNT", "/etcd")
GUARDED = os.environ.get("GUARDED") == "1"
USERS = {"writer": FULL, "reader": READ_ONLY}

PAGE = f"""<!doctype html>
<meta charset="utf-8">
<title>Test page</title>
<script type="module">
import * as client from "{MOUNT}/client.js";
Object.assign(window, client, {{ client, etcd: new client.Etcd() }});
window.caught = async (promise) => {{
  try {{
    await promise;
  }} catch (error) {{
    const {{ name, message, code, status, current }} = error;
    return {{ name, message, code, status, current: current && current.value }};
  }}
}};
window.short = (change) =>
  change.type === "reset"
    ? `reset ${{change.reason}} ${{change.entries.map((entry) => entry.key)}}`
    : `${{change.type}} ${{change.key}} ${{change.entry?.value ?? ""}}`.trim();
window.ready = true;
</script>
"""


def page(_request: Request) -> Response:
    return HTMLResponse(PAGE)


def bare(_request: Request) -> Response:
    """A page without a script: it plays another site."""
    return HTMLResponse("<!doctype html><title>Another page</title>")


def login(request: Request) -> Response:
    """Log in; the cookie is one that browsers send along from other sites too."""
    answer = PlainTextResponse("welcome")
    answer.set_cookie("user", request.path_params["user"], samesite="none", secure=True)
    return answer


def logout(_request: Request) -> Response:
    answer = PlainTextResponse("bye")
    answer.delete_cookie("user", samesite="none", secure=True)
    return answer


def access(conn: HTTPConnection) -> Grant:
    user = conn.cookies.get("user", "" if GUARDED else "writer")
    if user not in USERS:
        raise Denied(401, "log in first")
    return Grant(rpcs=USERS[user], user=user)


hook = passthrough if os.environ.get("TOKENS") == "1" else access
gateway = Gateway(os.environ["ETCD_URL"], access=hook, explorer=True)
app = Starlette(
    routes=[
        Route("/", page),
        Route("/bare", bare),
        Route("/login/{user}", login),
        Route("/logout", logout),
        Mount(MOUNT, gateway),
    ]
)
