"""Browsers on the same machine or network, which a gateway without a login must not serve.

Any page that somebody looks at can make their browser send requests to ``127.0.0.1``: to another
origin from here, or by a name of its own that it has made point here. A gateway that is served
alone has no login to stop them.

Source: etcd server/embed/serve.go and its flag ``--host-whitelist``, which is off unless set.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from etcd_asgi.errors import Denied
from etcd_asgi.policy.grant import Access, Grant
from etcd_asgi.policy.origin import Origins

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_BROWSER_HEADERS = ("origin", "sec-fetch-site")


def guarded(grant: Grant, host: str, allowed_hosts: Iterable[str]) -> Access:
    """Make an ``access`` that gives *grant* to all but pages of other hosts.

    Args:
        grant: for everyone.
        host: where the server listens. On loopback only its names are served.
        allowed_hosts: further names that are served.
    """
    names = {name.lower() for name in allowed_hosts}
    if is_loopback(host):
        names |= {*_LOOPBACK, host}
    origins = Origins()

    async def access(conn: HTTPConnection) -> Grant:
        name = _name(conn.headers.get("host", ""))
        if names and name not in names:
            raise Denied(403, f"refused: {name!r} is not a name of this gateway (--allowed-host)")
        if conn.scope["type"] == "http" and any(
            header in conn.headers for header in _BROWSER_HEADERS
        ):
            origins.check(conn.scope)
        return grant

    return access


def is_loopback(host: str) -> bool:
    """Check whether nobody but this machine reaches *host*."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
