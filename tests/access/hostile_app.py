"""A guarded gateway whose host makes the mistakes that the headers of a request ask it to."""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.routing import Mount

from etcd_asgi import KEY_VALUE, Denied, Gateway, Grant


class Odd(BaseException):
    """Neither an ``Exception`` nor one that Python itself raises."""


def _raises(error: BaseException) -> Callable[[], Any]:
    def fault() -> Any:
        raise error

    return fault


FAULTS: dict[str, Callable[[], Any]] = {
    "error": lambda: 1 / 0,
    "cancelled": _raises(asyncio.CancelledError()),
    "exit": lambda: sys.exit(3),
    "odd": _raises(Odd()),
    "group": _raises(BaseExceptionGroup("several", [Odd(), asyncio.CancelledError()])),
    "stop": _raises(StopIteration()),
    "timeout": _raises(TimeoutError()),
    "eof": _raises(EOFError()),
    "connection": _raises(ConnectionResetError()),
    "broken-pipe": _raises(BrokenPipeError()),
    "nonsense": lambda: "yes",
    "number": lambda: 1,
    "http": _raises(HTTPException(451, "by law", {"x-law": "yes"})),
    "http-detail": _raises(HTTPException(422, {"loc": ["x"]})),  # type: ignore[arg-type]  # FastAPI's
    "redirect": _raises(HTTPException(303, "log in", {"location": "/login"})),
    "denied": _raises(Denied(451, "by law")),
    "denied-odd": _raises(Denied(403, "\udc80 \x00 \r\nset-cookie: a=b")),
}
"""What a hook may do by mistake, and what it may do rightly."""


def _fault(conn: HTTPConnection, where: str) -> Any:
    place, _, kind = conn.headers.get("x-fault", "").partition(":")
    if place == where:
        return FAULTS[kind]()
    return None


def access(conn: HTTPConnection) -> Grant:
    """The grant of the user in the header, or a fault."""
    if (fault := _fault(conn, "access")) is not None:
        return fault  # type: ignore[no-any-return]
    user = conn.headers.get("x-user", "")
    if not user:
        raise Denied(401, "log in first")
    time.sleep(float(conn.headers.get("x-slow", "0")))
    return Grant(
        rpcs=KEY_VALUE,
        namespace=f"/{user}/".encode(),
        user=user,
        max_watches=3,
        max_range_limit=5,
        max_body_bytes=4000,
    )


async def async_access(conn: HTTPConnection) -> Grant:
    """The same on the event loop."""
    return access(conn)


def later_access(conn: HTTPConnection) -> Any:
    """A plain function that returns an awaitable."""
    return async_access(conn)


def authorize(conn: HTTPConnection, rpc: str, message: Message) -> Any:
    """A fault at the first message, or at one that holds the word."""
    fault = _fault(conn, "authorize")
    if fault is None and b"forbidden" in message.SerializeToString():
        fault = _fault(conn, "later")
    return fault


async def async_authorize(conn: HTTPConnection, rpc: str, message: Message) -> Any:
    """The same on the event loop."""
    return authorize(conn, rpc, message)


def _gateway(access: Any, authorize: Any) -> Gateway:
    return Gateway(
        os.environ["ETCD_URL"],
        access=access,
        authorize=authorize,
        audit=True,
        explorer=True,
        lease_secret=b"of the tests",
    )


HOSTS = {
    "sync": _gateway(access, authorize),
    "async": _gateway(async_access, async_authorize),
    "later": _gateway(later_access, authorize),
}

app = Starlette(routes=[Mount(f"/{name}", gateway) for name, gateway in HOSTS.items()])
alone = HOSTS["async"]
