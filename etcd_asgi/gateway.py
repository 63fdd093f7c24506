"""The gateway: the ASGI application in which all parts meet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Self, cast

from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from etcd_asgi.asgi import route_errors
from etcd_asgi.asgi.body import drop_body
from etcd_asgi.asgi.disconnect import Presence
from etcd_asgi.asgi.endpoints.health import PATHS, Neighbours
from etcd_asgi.asgi.endpoints.ndjson import StreamEndpoint
from etcd_asgi.asgi.endpoints.sse import asks_for_watch
from etcd_asgi.asgi.endpoints.static_files import StaticFiles
from etcd_asgi.asgi.endpoints.unary import UnaryEndpoint
from etcd_asgi.asgi.endpoints.websocket import NOT_UPGRADED, WebSocketEndpoint, is_handshake
from etcd_asgi.asgi.error_responses import send_failure
from etcd_asgi.asgi.http_calls import HttpCalls, headers_of
from etcd_asgi.asgi.mount import local_path, without_added_slash
from etcd_asgi.asgi.responses import after_short_body, send_error
from etcd_asgi.asgi.routes import DEFAULT_VERSIONS, Route, Routes
from etcd_asgi.asgi.unexpected_errors import is_disconnect, log_error
from etcd_asgi.asgi.websocket_calls import SocketCalls
from etcd_asgi.calls.bindings import Kind
from etcd_asgi.calls.bounds import Bounds
from etcd_asgi.calls.etcd_status import Vitals
from etcd_asgi.calls.freed_memory import FreedMemory
from etcd_asgi.calls.open_streams import OpenStreams
from etcd_asgi.calls.waiting import WaitingCalls
from etcd_asgi.errors import ClientDisconnected, DecodeError, Denied, ResponseBroken
from etcd_asgi.parameters import check_lending, check_parameters, is_upstream
from etcd_asgi.policy.admission import Admission, Rules
from etcd_asgi.policy.audit import Audit, log_record
from etcd_asgi.policy.grant import Access, passthrough
from etcd_asgi.policy.guard import Authorize
from etcd_asgi.settings import Limits
from etcd_asgi.status import Code
from etcd_asgi.upstream import TLS, GrpcUpstream, Upstream, complaint, parse_targets
from etcd_asgi.upstream.auth.password import Password
from etcd_asgi.upstream.targets import Urls


class Gateway:
    """etcd's JSON API as an ASGI application, to be mounted in a host or served alone.

    ::

        app = FastAPI()
        app.mount("/etcd", Gateway("http://127.0.0.1:2379"))

    Connections open at the first call, on the running event loop. ``lifespan`` and ``async with``
    close them in order; neither is needed.

    Args:
        etcd: the URL of etcd, or a list with those of several members in the order of preference,
            or an :class:`~etcd_asgi.upstream.Upstream`. Objects of libraries for URLs, such as
            pydantic's ``AnyHttpUrl``, are taken as ``str()`` shows them. A member that is given
            twice counts once.
        versions: version prefix to flavour, as in ``{"v3": "3.6", "v3beta": "3.5"}``. Flavours are
            "3.3" to "3.7" and "compat".
        credentials: the etcd user that the gateway's calls are made as, unless a grant names
            another. It needs *access*, as does a client certificate in *tls*: without, the gateway
            would lend its rights to everyone who reaches it.
        access: the host's decision about each request; the default lets all through, with the
            client's own etcd token.
        authorize: the host's word on each decided request's messages, for rules finer than a
            grant.
        allowed_origins: origins other than this host's whose pages may open WebSockets and use a
            visitor's cookies, such as ``https://app.example.org``, or ``capacitor://localhost`` of
            an app. Each is named in full: there are no wildcards.
        audit: True to log a line for each write to the logger ``etcd_asgi.audit``, or a plain
            function that takes each record.
        lease_secret: what lease IDs in namespaces are derived with, the same for all processes;
            needed where users choose the names of their namespaces.
        tls: certificates for ``https`` URLs.
        limits: upper bounds of what a request may use.
        explorer: whether to serve the explorer, a page to look at the keys, under ``/explorer/``.

    Raises:
        ValueError: a parameter that cannot be meant; the message names it and says how it should
            be. For a value of another type it is a ``TypeError`` as well.
    """

    def __init__(  # noqa: PLR0913 - settings, each with a default, by name
        self,
        etcd: Urls | Upstream,
        *,
        versions: Mapping[str, str] = DEFAULT_VERSIONS,
        credentials: Password | None = None,
        access: Access = passthrough,
        authorize: Authorize | None = None,
        allowed_origins: Iterable[str] = (),
        audit: bool | Audit | None = False,
        lease_secret: bytes = b"",
        tls: TLS | None = None,
        limits: Limits | None = None,
        explorer: bool = False,
    ) -> None:
        check_parameters(
            credentials=credentials,
            access=access,
            authorize=authorize,
            audit=audit,
            lease_secret=lease_secret,
            tls=tls,
            limits=limits,
            explorer=explorer,
        )
        check_lending(access, credentials, tls)
        self._limits = limits or Limits()
        self._static = StaticFiles(explorer=explorer)
        self._upstream = _upstream(etcd, self._limits, tls)
        rules = Rules(
            access=access,
            authorize=authorize,
            allowed_origins=allowed_origins,
            audit=_audit(audit),
            lease_secret=lease_secret,
            credentials=credentials,
        )
        self._waiting = WaitingCalls(self._limits)
        self._admission = Admission(rules, self._limits, self._upstream, self._waiting)
        self._is_open = self._admission.is_open
        self._freed = FreedMemory()
        self._bounds = Bounds(self._limits, self._freed)
        self._routes = Routes(versions, self._limits, self._upstream, self._waiting, self._bounds)
        self._by_path = self._routes.by_path
        self._first = self._routes.first
        vitals = Vitals(self._admission.identities.own(), self._limits, f"{self._first.release}.0")
        self._neighbours = Neighbours(vitals, self._admission.grant, self._first)
        self._streams = OpenStreams(self._limits.max_streams)
        presence = Presence(self._streams, self._limits.request_timeout, self._freed)
        self._unary = UnaryEndpoint(presence)
        self._calls = HttpCalls(self._admission, self._unary, StreamEndpoint(self._streams))
        self._sockets = SocketCalls(
            self._admission, self._routes, WebSocketEndpoint(self._streams, presence)
        )

    def __repr__(self) -> str:
        prefixes = ", ".join(
            f"{prefix}: {one.name}" for prefix, one in self._routes.flavours.items()
        )
        return f"<etcd_asgi.Gateway {prefixes}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI connection."""
        match scope["type"]:
            case "http":
                path = local_path(scope) if scope.get("root_path") else scope["path"]
                route = self._by_path.get(path)
                try:
                    if route is None or scope["method"] != "POST":
                        route = await self._no_call(path, scope, receive, send)
                        if route is None:
                            return
                    headers, base = headers_of(scope), route.transcoder
                    if headers.is_plain and self._is_open and route.kind is Kind.UNARY:
                        # Most calls: of these nothing is to be asked. They go straight to their
                        # endpoint, as each function on the way of a small call costs it.
                        await self._unary.answer_plain(base, headers, scope, receive, send)
                    else:
                        await self._calls.post(route, headers, scope, receive, send)
                except (HTTPException, ResponseBroken):
                    raise  # from the host's receive or send, or an answer that must not seem whole
                except Exception as error:  # noqa: BLE001 - logged there
                    await self._failed(error, route, scope, receive, send)
            case "websocket":
                await self._sockets.answer(scope, receive, send)
            case "lifespan":
                await self._lifespan(receive, send)

    async def aclose(self) -> None:
        """End the calls of the running event loop and close its connections.

        A later call opens new ones.
        """
        if complaint() is not None:
            return  # no call could be made, so there is nothing to end
        self._streams.end_all()
        await self._waiting.aclose()
        await self._bounds.outlasting.aclose()
        await self._admission.identities.aclose()
        await self._upstream.aclose()
        self._freed.close()

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

    async def _failed(
        self, error: Exception, route: Route | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """End a request for which no endpoint has found an answer."""
        one = route.flavour if route else self._routes.flavour_of(local_path(scope)) or self._first
        if isinstance(error, DecodeError):  # of its headers: nothing has been answered yet
            with suppress(ClientDisconnected):
                await send_failure(await after_short_body(scope, receive, send), one, error)
        elif not await is_disconnect(error, receive):
            text = complaint()
            if text is None:
                log_error("error while answering %r", local_path(scope), error)
            with suppress(Exception):  # the answer may have begun, or the client may be gone
                if text is not None:
                    await drop_body(scope, receive)
                await send_error(send, one, Code.INTERNAL, text or "internal error")

    async def _no_call(self, path: str, scope: Scope, receive: Receive, send: Send) -> Route | None:
        """Answer what is no POST of a known path; give the route of what is one after all."""
        path = without_added_slash(path, scope)
        one = self._routes.flavour_of(path)
        if scope["method"] == "POST" and one and (route := self._routes.find(path, one)):
            return route
        early = await after_short_body(scope, receive, send)
        if scope["method"] == "OPTIONS" and (one or self._first).options:
            await route_errors.options(early)
        elif path in PATHS:
            await self._neighbours.answer(path, scope, early)
        elif self._static.serves(path):
            await self._static.answer(path, scope, early)
        elif one is None:
            await route_errors.outside(scope, early)
        elif (route := self._routes.find(path, one)) is None:
            await route_errors.not_found(scope, early, one)
        elif scope["method"] == "GET" and is_handshake(scope):
            await send_failure(early, one, Denied(400, NOT_UPGRADED))
        elif route.watches and asks_for_watch(scope):
            await self._calls.watch_by_get(route, scope, receive, send)
        else:
            await route_errors.wrong_method(scope, early, one)
        return None

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


def _audit(audit: bool | Audit | None) -> Audit | None:
    if isinstance(audit, bool):
        return log_record if audit else None
    return audit


def _upstream(etcd: Urls | Upstream, limits: Limits, tls: TLS | None) -> Upstream:
    if is_upstream(etcd):
        if tls is not None:
            raise ValueError("tls= is for URLs of etcd: an Upstream makes its own connections")
        return cast("Upstream", etcd)
    targets = parse_targets(cast("Urls", etcd))
    if tls is not None and not targets[0].secure:
        raise ValueError("tls= needs URLs of etcd that begin with https://")
    return GrpcUpstream(targets, limits, tls)
