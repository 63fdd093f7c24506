"""The gateways that the tests here are about."""

import os

from starlette.requests import HTTPConnection

from etcd_asgi import Denied, Gateway, Grant, Limits, Password, allow_anyone
from tests.events.served import MAX_STREAMS

HEARTBEAT = 0.2
RESUME_TIME = 3.0

_URL = os.environ["ETCD_URL"]

app = Gateway(_URL)


def access(conn: HTTPConnection) -> Grant:
    """Everybody has keys of their own, and two watches at a time."""
    user = conn.headers.get("x-user", "")
    if not user:
        raise Denied(401, "log in first")
    if user == "writer":
        return Grant(rpcs=frozenset({"KV.Put"}), user=user)
    return Grant(namespace=f"/{user}/".encode(), max_watches=2, user=user)


guarded = Gateway(_URL, access=access, lease_secret=b"of these tests")

signed = Gateway(_URL, credentials=Password("root", "p"), access=allow_anyone)

hasty = Gateway(
    _URL,
    limits=Limits(
        heartbeat=HEARTBEAT,
        resume_time=RESUME_TIME,
        max_streams=MAX_STREAMS,
        max_reconnect_delay=0.5,
    ),
)
"""One that waits for nothing for long."""
