"""The hosts in which the gateway is tested, and the servers each runs under."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from tests.hosts.serving import SERVERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """An application with a gateway in it."""

    name: str

    app: str
    """Where it is, as in ``package.module:name``."""

    mount: str = "/etcd"
    """Path of the gateway in it."""

    own_page: bool = True
    """It answers ``/`` itself."""

    redirects_bare_mount: bool = False
    """It sends the mount's path without a slash at the end to the one with it. That is the host's
    doing: Starlette starlette/routing.py, Router.app, redirect_slashes."""

    servers: tuple[str, ...] = ("uvicorn",)

    args: tuple[str, ...] = ()
    """Further arguments of the server."""


_EVERY = tuple(SERVERS)

HOSTS = (
    Host(
        name="fastapi",
        app="tests.hosts.apps.fastapi:app",
        redirects_bare_mount=True,
        servers=_EVERY,
    ),
    Host(name="routed", app="tests.hosts.apps.routed:app", redirects_bare_mount=True),
    Host(name="django", app="tests.hosts.apps.django:application", servers=_EVERY),
    Host(
        name="starlette",
        app="tests.hosts.apps.starlette:app",
        redirects_bare_mount=True,
        servers=_EVERY,
    ),
    Host(name="litestar", app="tests.hosts.apps.litestar:app"),
    Host(name="quart", app="tests.hosts.apps.quart:app"),
    Host(name="dressed", app="tests.hosts.apps.dressed:app", redirects_bare_mount=True),
    Host(
        name="nested",
        app="tests.hosts.apps.nested:app",
        mount="/b/a",
        own_page=False,
        redirects_bare_mount=True,
    ),
    Host(name="root", app="tests.hosts.apps.root:app", mount="", own_page=False),
    Host(name="alone", app="tests.hosts.apps.alone:app", mount="", own_page=False),
    Host(
        name="behind",
        app="tests.hosts.apps.alone:app",
        mount="",
        own_page=False,
        args=("--root-path=/behind",),
    ),
    Host(
        name="fastapi-behind",
        app="tests.hosts.apps.fastapi:app",
        own_page=True,
        redirects_bare_mount=True,
        args=("--root-path=/behind",),
    ),
    Host(
        name="stripped",
        app="tests.hosts.apps.fastapi:app",
        redirects_bare_mount=True,
        servers=("hypercorn",),
        args=("--root-path=/behind",),
    ),
)


def pairs() -> Iterator[tuple[Host, str]]:
    """Every host under each of its servers."""
    return chain.from_iterable(((host, server) for server in host.servers) for host in HOSTS)
