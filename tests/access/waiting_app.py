"""Gateways in front of one etcd, to wait for locks through: the header ``x-user`` is the login.

``/guarded`` has a namespace for each user, ``/open`` no rules, ``/count`` how many calls wait.
"""

import os

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from etcd_asgi import KEY_VALUE, Gateway, Grant

MOST = int(os.environ["MOST"])
"""Waiting calls of the user ``red``. Others have as many as by default."""


def access(conn: HTTPConnection) -> Grant:
    """Grant a namespace, and all of etcd to ``root``."""
    user = conn.headers["x-user"]
    if user == "root":
        return Grant(user=user)
    prefix = f"/teams/{user}/".encode()
    most = MOST if user == "red" else None
    return Grant(rpcs=KEY_VALUE, namespace=prefix, user=user, max_waiting_calls=most)


guarded = Gateway(os.environ["ETCD_URL"], access=access)
open_to_all = Gateway(os.environ["ETCD_URL"])


async def count(request: Request) -> PlainTextResponse:
    """Tell how many calls wait."""
    return PlainTextResponse(str(len(guarded._waiting) + len(open_to_all._waiting)))


app = Starlette(
    routes=[Route("/count", count), Mount("/guarded", guarded), Mount("/open", open_to_all)]
)
