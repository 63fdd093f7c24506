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
from etcd_asgi.asgi.disconnect import DisconnectMonitor
from etcd_asgi.asgi.endpoints import grant_info, health
from etcd_asgi.asgi.endpoints.grant_info import GrantInfoEndpoint
from etcd_asgi.asgi.endpoints.health import HealthEndpoint
from etcd_asgi.asgi.endpoints.ndjson import StreamEndpoint
from etcd_asgi.asgi.endpoints.snapshot_file import SnapshotEndpoint
from etcd_asgi.asgi.endpoints.sse import EventEndpoint, asks_for_watch
from etcd_asgi.asgi.endpoints.static_files import StaticFiles
from etcd_asgi.asgi.endpoints.unary import UnaryEndpoint
from etcd_asgi.asgi.endpoints.websocket import NOT_UPGRADED, WebSocketEndpoint
from etcd_asgi.asgi.error_responses import send_failure
from etcd_asgi.asgi.http_calls import HttpCalls
from etcd_asgi.asgi.mount import without_added_slash
from etcd_asgi.asgi.request import Request
from etcd_asgi.asgi.responses import after_short_body, send_error
from etcd_asgi.asgi.routes import DEFAULT_VERSIONS, Routes
from etcd_asgi.asgi.streaming import Streaming
from etcd_asgi.asgi.unexpected_errors import is_disconnect, log_error
from etcd_asgi.asgi.websocket_calls import WebSocketCalls
from etcd_asgi.calls.etcd_status import EtcdStatus
from etcd_asgi.calls.freed_memory import FreedMemory
from etcd_asgi.calls.open_streams import OpenStreams
from etcd_asgi.calls.shared_state import SharedState
from etcd_asgi.calls.waiting import WaitingCalls
from etcd_asgi.errors import Denied, HostError, ResponseBroken
from etcd_asgi.policy.admission import Admission, HostAdmission, OpenAdmission, Rules
from etcd_asgi.policy.audit import Audit, log_record
from etcd_asgi.policy.grant import Access, passthrough
from etcd_asgi.policy.guard import Authorize
from etcd_asgi.policy.identity import Identities
from etcd_asgi.policy.origin import Origins
from etcd_asgi.policy.parameters import check_lending, check_parameters, is_upstream
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
        authorize: called with each decoded message of a request that *access* has granted, for
            rules finer than a grant; it returns False or raises :class:`~etcd_asgi.Denied` to
            refuse.
        allowed_origins: origins other than this host's whose pages may open WebSockets and use a
            visitor's cookies, such as ``https://app.example.org``, or ``capacitor://localhost`` of
            an app. Each is named in full: there are no wildcards.
        audit: True to log a line for each write to the logger ``etcd_asgi.audit``, or a plain
            function that takes each record.
        lease_secret: the key that lease IDs in namespaces are derived with, the same for all
            processes; needed where users choose the names of their namespaces.
        tls: certificates for ``https`` URLs.
        limits: upper bounds of what a request may use.
        explorer: True to serve the explorer, a page to look at the keys, under ``/explorer/``.

    Raises:
        ValueError: a parameter is not valid; the message names it and what is expected. For a
            value of another type it is a ``TypeError`` as well.
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
        self._identities = Identities(self._upstream, self._limits, credentials)
        admission = self._admission(rules)
        self._freed = FreedMemory()
        self._shared = SharedState(self._limits, self._freed)
        self._routes = Routes(versions, self._limits, self._upstream, self._waiting, self._shared)
        self._by_path = self._routes.by_path
        first = self._routes.first
        status = EtcdStatus(self._identities.own(), self._limits, f"{first.release}.0")
        self._health = HealthEndpoint(status, access, first)
        self._grant_info = GrantInfoEndpoint(access, first)
        self._streams = OpenStreams(self._limits.max_streams)
        self._monitor = monitor = DisconnectMonitor(
            self._streams, self._limits.request_timeout, self._freed
        )
        streaming = Streaming(self._streams)
        self._calls = HttpCalls(
            admission,
            UnaryEndpoint(monitor),
            StreamEndpoint(streaming),
            EventEndpoint(streaming),
            SnapshotEndpoint(streaming),
        )
        self._sockets = WebSocketCalls(
            admission, self._routes, WebSocketEndpoint(self._streams, monitor)
        )

    def __repr__(self) -> str:
        prefixes = ", ".join(
            f"{prefix}: {one.name}" for prefix, one in self._routes.flavours.items()
        )
        return f"<etcd_asgi.Gateway {prefixes}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        match scope["type"]:
            case "http":
                request = Request(scope, receive, send)
                method = self._by_path.get(request.path) if request.method == "POST" else None
                try:
                    if method is None:
                        await self._other(request)
                    else:
                        await self._calls.post(method, request)
                except HostError as error:
                    raise error.error from None
                except (HTTPException, ResponseBroken):
                    raise  # from the host's send, or so that no part seems whole
                except Exception as error:  # noqa: BLE001 - logged there
                    await self._failed(error, request)
            case "websocket":
                await self._sockets.connect(Request(scope, receive, send))
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
        await self._shared.shielded.aclose()
        await self._identities.aclose()
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
        """Close the gateway at the end of a host: ``FastAPI(lifespan=gateway.lifespan)``."""
        async with self:
            yield

    def _admission(self, rules: Rules) -> Admission:
        origins = Origins(rules.allowed_origins)
        if rules.are_none:
            return OpenAdmission(origins)
        return HostAdmission(rules, origins, self._limits, self._identities, self._waiting)

    async def _failed(self, error: Exception, request: Request) -> None:
        """Respond to a request that has ended in an unexpected error, and log that."""
        if await is_disconnect(error, request.receive):
            return
        text = complaint()
        if text is None:
            log_error("error while answering %r", request.path, error)
        flavour = self._routes.flavour_of(request.path) or self._routes.first
        with suppress(Exception):  # the response may have begun, or the client have disconnected
            if text is not None:
                await drop_body(request)
            await send_error(request.send, flavour, Code.INTERNAL, text or "internal error")

    async def _other(self, request: Request) -> None:
        """Handle a request that is no POST of the path of an RPC."""
        path = without_added_slash(request.path, request.scope)
        flavour = self._routes.flavour_of(path)
        method = None if flavour is None else self._routes.find(path, flavour)
        if method is not None and request.method == "POST":
            await self._calls.post(method, request)
            return
        early = await after_short_body(request)
        if request.method == "OPTIONS" and (flavour or self._routes.first).options:
            await route_errors.options(early)
        elif path in health.PATHS:
            await self._health.respond(path, request, early)
        elif path == grant_info.PATH:
            await self._grant_info.respond(request, early)
        elif self._static.serves(path):
            await self._static.respond(path, request, early)
        elif flavour is None:
            await route_errors.outside(request, early)
        elif method is None:
            await route_errors.not_found(request, early, flavour)
        elif request.method == "GET" and request.is_handshake():
            await send_failure(early, flavour, Denied(400, NOT_UPGRADED))
        elif method.is_watch and asks_for_watch(request):
            await self._calls.watch_by_get(method, request)
        else:
            await route_errors.wrong_method(request, early, flavour)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        """Serve the lifespan of a gateway that is served alone: close it at shutdown."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
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
