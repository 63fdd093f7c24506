"""Starlette whose users stand for etcd's users, and one gateway with a user of its own."""

import os

from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import Mount

from etcd_asgi import Denied, Gateway, Grant, Limits, Password, allow_anyone

PASSWORDS = {"ada": "ada-password", "bob": "bob-password", "eve": "wr0ng-password"}
URL = os.environ["ETCD_URL"]
LIMITS = Limits(login_retry_time=0.1)


def as_etcd_user(conn: HTTPConnection) -> Grant:
    """The header says who it is; a real host would look at a session."""
    name = conn.headers.get("x-user", "")
    if name not in PASSWORDS:
        raise Denied(401, "log in first")
    return Grant(credentials=Password(name, PASSWORDS[name]))


own = Gateway(
    URL, credentials=Password("ada", PASSWORDS["ada"]), access=allow_anyone, limits=LIMITS
)
each = Gateway(URL, access=as_etcd_user, limits=LIMITS)

app = Starlette(routes=[Mount("/own", own), Mount("/each", each)])
