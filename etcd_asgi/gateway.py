"""The gateway: the ASGI application in which all parts meet."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from etcd_asgi.access import Access, decide, passthrough
from etcd_asgi.bindings import Kind, bindings
from etcd_asgi.endpoints import routing, websocket
from etcd_asgi.endpoints.answers import send_error, without_reading
from etcd_asgi.endpoints.backup import BackupBroken
from etcd_asgi.endpoints.neighbours import PATHS, Neighbours
from etcd_asgi.endpoints.open_streams import OpenStreams
from etcd_asgi.endpoints.paths import local_path, without_added_slash
from etcd_asgi.endpoints.stream import StreamEndpoint
from etcd_asgi.endpoints.unary import is_form_override, unary
from etcd_asgi.endpoints.vitals import Vitals
from etcd_asgi.endpoints.websocket import WebSocketEndpoint
from etcd_asgi.errors import DecodeError, Denied
from etcd_asgi.flavours import Flavour, flavour
from etcd_asgi.metadata import RequestHeaders, read
from etcd_asgi.settings import Limits
from etcd_asgi.status import Code
from etcd_asgi.transcoder import Transcoder
from etcd_asgi.upstream import TLS, GrpcUpstream, Upstream, parse_targets

logger = logging.getLogger("etcd_asgi")

DEFAULT_VERSIONS: Mapping[str, str] = {"v3": "3.6", "v3beta": "3.5"}
"""Version prefixes served by default, and the release whose behaviour each has."""


@dataclass(frozen=True, slots=True)
class Route:
    """A path under one version prefix."""

    transcoder: Transcoder
    flavour: Flavour
    rpc: str
    kind: Kind


class Gateway:
    """etcd's JSON API as an ASGI application, to be mounted in a host or served alone.

    ::

        app = FastAPI()
        app.mount("/etcd", Gateway("http://127.0.0.1:2379"))

    Connections open at the first call, on the running event loop. ``lifespan`` and ``async with``
    close them in order; neither is needed.

    Args:
        etcd: the URL of etcd, or a list with those of several members, or an
            :class:`~etcd_asgi.upstream.Upstream`.
        versions: version prefix to flavour, as in ``{"v3": "3.6", "v3beta": "3.5"}``. Flavours are
            "3.3" to "3.7" and "compat".
        access: the host's decision about each request; the default lets all through, with the
            client's own etcd token.
        tls: certificates for ``https`` URLs.
        limits: upper bounds of what a request may use.

    Raises:
        ValueError: a URL, prefix or flavour that cannot be; the message says how it should be.
    """

    def __init__(
        self,
        etcd: str | Sequence[str] | Upstream,
        *,
        versions: Mapping[str, str] = DEFAULT_VERSIONS,
        access: Access = passthrough,
        tls: TLS | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._access = access
        self._upstream = _upstream(etcd, self._limits, tls)
        self._flavours = _flavours(versions)
        self._first = next(iter(self._flavours.values()))
        vitals = Vitals(self._upstream, self._limits, f"{self._first.release}.0")
        self._neighbours = Neighbours(vitals, access, self._first)
        self._streams = OpenStreams(self._limits.max_streams)
        self._streaming = StreamEndpoint(self._limits, self._streams)
        self._sockets = WebSocketEndpoint(self._limits, self._streams)
        self._routes = _routes(self._flavours, self._limits, self._upstream)

    def __repr__(self) -> str:
        prefixes = ", ".join(f"{prefix}: {one.name}" for prefix, one in self._flavours.items())
        return f"<etcd_asgi.Gateway {prefixes}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI connection."""
        match scope["type"]:
            case "http":
                await self._http(scope, receive, send)
            case "websocket":
                await self._websocket(scope, receive, send)
            case "lifespan":
                await self._lifespan(receive, send)

    async def aclose(self) -> None:
        """End the calls of the running event loop and close its connections.

        A later call opens new ones.
        """
        self._streams.end_all()
        await self._upstream.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.aclose()

    @asynccontextmanager
    async def lifespan(self, app: object) -> AsyncIterator[None]:  # noqa: ARG002 - hosts pass it
        """For a host: ``FastAPI(lifespan=gateway.lifespan)``, or entered in the host's own."""
        async with self:
            yield

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = local_path(scope)
        route = self._routes.get(path)
        try:
            if route is not None and scope["method"] == "POST":
                await self._call(route, scope, receive, send)
            else:
                await self._no_call(path, scope, receive, send)
        except (HTTPException, BackupBroken):
            raise  # out of the host's own receive or send, or an answer that must not seem whole
        except Exception:
            logger.exception("error while answering %s", path)
            with suppress(Exception):  # the answer may have begun, or the client may be gone
                await send_error(send, self._first, Code.INTERNAL, "internal error")

    async def _call(self, route: Route, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            headers = _headers(scope)
            if is_form_override(headers) and headers.method_override != "POST":
                await routing.wrong_method(scope, without_reading(scope, send), route.flavour)
                return
            if self._access is not passthrough:
                await self._check(route.rpc, scope)
        except DecodeError as error:
            early = without_reading(scope, send)
            await send_error(early, route.flavour, Code.INVALID_ARGUMENT, str(error))
        except Denied as error:
            early = without_reading(scope, send)
            await send_error(early, route.flavour, error.code, error.message, status=error.status)
        else:
            await self._answer(route, headers, scope, receive, send)

    async def _answer(
        self, route: Route, headers: RequestHeaders, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if route.kind is Kind.UNARY:
            await unary(route.transcoder, headers, self._limits, scope, receive, send)
        else:
            await self._streaming.answer(route.transcoder, headers, scope, receive, send)

    async def _check(self, rpc: str | None, scope: Scope) -> None:
        grant = await decide(self._access, scope)
        if rpc is not None and rpc not in grant.rpcs:
            raise Denied(403, f"{rpc} is not granted")

    async def _no_call(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        path, early = without_added_slash(path, scope), without_reading(scope, send)
        one = self._flavours.get(path[1:].partition("/")[0])
        if scope["method"] == "OPTIONS" and (one or self._first).options:
            await routing.options(early)
        elif path in PATHS:
            await self._neighbours.answer(path, scope, early)
        elif one is None:
            await routing.outside(scope, early)
        elif (route := self._route(path, one)) is None:
            await routing.not_found(scope, early, one)
        elif scope["method"] == "POST":
            await self._call(route, scope, receive, send)
        else:
            await routing.wrong_method(scope, early, one)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = without_added_slash(local_path(scope), scope)
        one = self._flavours.get(path[1:].partition("/")[0])
        route = None if one is None else self._route(path, one)
        try:
            headers = await self._admit(one, route, scope)
        except Denied as refusal:
            await routing.refuse_websocket(scope, receive, send, one or self._first, refusal)
            return
        await websocket.accept(scope, receive, send)
        if route is None:
            await websocket.unknown_path(send, one or self._first)
        else:
            await self._sockets.answer(route.transcoder, headers, receive, send)

    async def _admit(
        self, one: Flavour | None, route: Route | None, scope: Scope
    ) -> RequestHeaders:
        """Judge an upgrade before it is accepted."""
        if one is None:
            raise Denied(404, routing.OUTSIDE)
        try:
            headers = _headers(scope, websocket.token_headers(scope))
            if self._access is not passthrough:
                await self._check(route.rpc if route else None, scope)
        except DecodeError as error:
            raise Denied(400, str(error)) from error
        except Denied:
            raise
        except Exception as error:
            logger.exception("error while judging a WebSocket")
            raise Denied(500, "internal error") from error
        return headers

    def _route(self, path: str, one: Flavour) -> Route | None:
        if one.trailing_colon:
            path = path.removesuffix(":")
        return self._routes.get(path)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        """Stand-alone: nothing to do at startup, connections to close at shutdown."""
        while True:
            event = await receive()
            if event["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif event["type"] == "lifespan.shutdown":
                await self.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _headers(scope: Scope, more: Sequence[tuple[bytes, bytes]] = ()) -> RequestHeaders:
    client, headers = scope.get("client"), scope["headers"]
    return read([*headers, *more] if more else headers, client[0] if client else None)


def _upstream(etcd: str | Sequence[str] | Upstream, limits: Limits, tls: TLS | None) -> Upstream:
    if not isinstance(etcd, str | Sequence):
        return etcd
    targets = parse_targets(etcd)
    if tls is not None and not targets[0].secure:
        raise ValueError("tls= needs URLs of etcd that begin with https://")
    return GrpcUpstream(targets, limits, tls)


def _flavours(versions: Mapping[str, str]) -> dict[str, Flavour]:
    """The flavour of each version prefix, in the order given."""
    if not versions:
        raise ValueError("versions= names no prefix: give for example {'v3': '3.6'}")
    for prefix in versions:
        if not prefix or "/" in prefix:
            raise ValueError(f"a prefix in versions= is one path segment, not {prefix!r}")
    return {prefix: flavour(name) for prefix, name in versions.items()}


def _routes(
    flavours: Mapping[str, Flavour], limits: Limits, upstream: Upstream
) -> dict[str, Route]:
    """Every binding under every version prefix, by path."""
    return {
        f"/{prefix}{binding.path}": Route(
            Transcoder(binding, one, limits, upstream), one, binding.name, binding.kind
        )
        for prefix, one in flavours.items()
        for binding in bindings()
    }
