"""The version and the health of etcd, at the paths where etcd serves them.

Source: etcd server/etcdserver/api/etcdhttp/version.go and health.go.
"""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.types import Send

from etcd_asgi.asgi.request import Request
from etcd_asgi.asgi.responses import send_denied, send_error, send_members, send_text
from etcd_asgi.asgi.route_errors import get_only
from etcd_asgi.calls.etcd_status import EtcdStatus
from etcd_asgi.errors import Denied, UpstreamError
from etcd_asgi.flavours import Flavour
from etcd_asgi.metadata import Metadata
from etcd_asgi.policy.grant import Access
from etcd_asgi.policy.hooks import decide

PATHS = frozenset({"/version", "/health", "/livez", "/readyz"})


class HealthEndpoint:
    """The endpoint of the paths in :data:`PATHS`.

    ``/version`` is subject to the host's decision. The others report nothing but health, to load
    balancers that have no login.
    """

    def __init__(self, status: EtcdStatus, access: Access, flavour: Flavour) -> None:
        self._status = status
        self._access = access
        self._flavour = flavour

    async def respond(self, path: str, request: Request, send: Send) -> None:
        """Respond to a request for one of the paths."""
        if request.method != "GET":
            await get_only(request, send)
        elif path == "/version":
            await self._version(request, send)
        elif path == "/livez":
            await send_text(send, 200, "ok")
        else:
            await self._health(path, send)

    async def _health(self, path: str, send: Send) -> None:
        reason = await self._status.unhealthy()
        status = 503 if reason else 200
        if path == "/readyz":
            await send_text(send, status, reason or "ok")
            return
        members = {"health": "false" if reason else "true"}
        if self._flavour.health_reason:
            members["reason"] = reason
        await send_members(send, status, members)

    async def _version(self, request: Request, send: Send) -> None:
        """Respond with ``etcdserver`` and ``etcdcluster``: some clients take no third member.

        The cluster's version is the server's without its patch number: etcd reports the real one
        over HTTP only.
        """
        try:
            grant = await decide(self._access, HTTPConnection(request.scope))
            version = await self._status.version(_token(request) if grant.forward_token else [])
        except Denied as error:
            await send_denied(send, self._flavour, error)
        except UpstreamError as error:
            await send_error(send, self._flavour, error.code, error.message)
        else:
            major, minor, *_ = version.split(".")
            members = {"etcdserver": version, "etcdcluster": f"{major}.{minor}.0"}
            await send_members(send, 200, members)


def _token(request: Request) -> Metadata:
    """Return the caller's token, if it sent one."""
    sent = request.header(b"authorization")
    if sent is None:
        return []
    metadata = request.call_headers([(b"authorization", sent)]).metadata
    return [pair for pair in metadata if pair[0] == "token"]
