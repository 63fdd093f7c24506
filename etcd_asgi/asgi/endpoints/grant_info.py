"""The caller's grant, for a page to offer no more than it allows. etcd has no such path."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.types import Send

from etcd_asgi.asgi.request import Request
from etcd_asgi.asgi.responses import send_denied, send_members
from etcd_asgi.asgi.route_errors import get_only
from etcd_asgi.errors import Denied
from etcd_asgi.flavours import Flavour
from etcd_asgi.policy.grant import Access
from etcd_asgi.policy.hooks import decide

PATH = "/grant"
_HEADERS = ((b"cache-control", b"no-store"),)


class GrantInfoEndpoint:
    """The endpoint of :data:`PATH`, which is subject to the host's decision."""

    def __init__(self, access: Access, flavour: Flavour) -> None:
        self._access = access
        self._flavour = flavour

    async def respond(self, request: Request, send: Send) -> None:
        """Respond with ``rpcs``, ``namespaced`` and ``user`` of the caller."""
        if request.method != "GET":
            await get_only(request, send)
            return
        try:
            grant = await decide(self._access, HTTPConnection(request.scope))
        except Denied as error:
            await send_denied(send, self._flavour, error)
            return
        members = {
            "rpcs": sorted(grant.rpcs),
            "namespaced": bool(grant.namespace),
            "user": grant.user,
        }
        await send_members(send, 200, members, _HEADERS)
