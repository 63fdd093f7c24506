"""Starlette with a login of its own, and gateways with all kinds of access hooks."""

import os

from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection
from starlette.routing import Mount

from etcd_asgi import Denied, Gateway, Grant

READ = frozenset({"KV.Range", "Maintenance.Status"})


class Login(AuthenticationBackend):
    """The header says who it is; a real host would look at a session."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser] | None:
        name = conn.headers.get("x-user")
        return (AuthCredentials(["authenticated"]), SimpleUser(name)) if name else None


def sync_hook(conn: HTTPConnection) -> Grant:
    if not conn.user.is_authenticated:
        raise Denied(401, "log in first")
    return Grant(rpcs=READ)


async def async_hook(conn: HTTPConnection) -> Grant:
    return sync_hook(conn)


class CallableObject:
    """Neither a function nor a coroutine function, and yet awaited."""

    async def __call__(self, conn: HTTPConnection) -> Grant:
        return sync_hook(conn)


def none(_conn: HTTPConnection) -> Grant:
    return None  # type: ignore[return-value]  # a host's mistake


def raises(_conn: HTTPConnection) -> Grant:
    raise RuntimeError("the database password is hunter2")


def teapot(_conn: HTTPConnection) -> Grant:
    raise Denied(418, "short and stout")


def http_exception(_conn: HTTPConnection) -> Grant:
    raise HTTPException(403, "not on Sundays")


def _gateway(access: object, versions: dict[str, str]) -> Gateway:
    return Gateway(os.environ["ETCD_URL"], access=access, versions=versions)  # type: ignore[arg-type]  # all kinds


HOOKS = {
    "sync": sync_hook,
    "async": async_hook,
    "object": CallableObject(),
    "none": none,
    "raises": raises,
    "teapot": teapot,
    "http-exception": http_exception,
}
VERSIONS = {"v3": "3.6", "v3beta": "3.5"}

app = Starlette(
    routes=[Mount(f"/{name}", _gateway(hook, VERSIONS)) for name, hook in HOOKS.items()],
    middleware=[Middleware(AuthenticationMiddleware, backend=Login())],
)
