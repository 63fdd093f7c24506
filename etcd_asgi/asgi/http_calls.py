"""Calls over HTTP: each request is admitted, and handed to the endpoint of its form."""

from __future__ import annotations

from etcd_asgi.asgi.endpoints import sse
from etcd_asgi.asgi.endpoints.ndjson import StreamEndpoint
from etcd_asgi.asgi.endpoints.snapshot_file import SnapshotEndpoint
from etcd_asgi.asgi.endpoints.sse import EventEndpoint
from etcd_asgi.asgi.endpoints.unary import UnaryEndpoint
from etcd_asgi.asgi.error_responses import refuse
from etcd_asgi.asgi.negotiation import Form, negotiate
from etcd_asgi.asgi.request import Request
from etcd_asgi.asgi.responses import after_short_body
from etcd_asgi.asgi.route_errors import wrong_method
from etcd_asgi.calls.bindings import Kind
from etcd_asgi.calls.method import Method
from etcd_asgi.calls.watch import query as watch_query
from etcd_asgi.codec.modes import MODES
from etcd_asgi.errors import DecodeError, Denied
from etcd_asgi.policy.admission import Admission


class HttpCalls:
    """The HTTP requests for RPCs.

    Args:
        admission: of the gateway.
        unary: handles calls with one message each way.
        streams: handles all others, as JSON.
        events: handles them as server-sent events.
        snapshots: handles the snapshot, as a file.
    """

    def __init__(
        self,
        admission: Admission,
        unary: UnaryEndpoint,
        streams: StreamEndpoint,
        events: EventEndpoint,
        snapshots: SnapshotEndpoint,
    ) -> None:
        self._admission = admission
        self._unary = unary
        self._streams = streams
        self._events = events
        self._snapshots = snapshots

    async def post(self, method: Method, request: Request) -> None:
        """Handle a POST."""
        try:
            headers = request.call_headers()
            if headers.method_override not in ("", "POST") and headers.is_form:
                await wrong_method(request, await after_short_body(request), method.flavour)
                return
            form, modes = negotiate(headers.content_type, headers.accept)
            call = await self._admission.admit(method, modes, headers, request.scope)
        except (DecodeError, Denied) as error:
            await refuse(request, method.flavour, error)
            return
        if method.kind is Kind.UNARY:
            is_form = bool(headers.method_override) and headers.is_form
            await self._unary.respond(call, request, empty=is_form)
        elif form is Form.EVENTS:
            await self._events.respond(call, request)
        elif form is Form.FILE and method.name == "Maintenance.Snapshot":
            await self._snapshots.respond(call, request)
        else:
            await self._streams.respond(call, request)

    async def watch_by_get(self, method: Method, request: Request) -> None:
        """Handle a GET of ``EventSource``, which can send neither a body nor headers."""
        try:
            headers = request.call_headers()
            query = watch_query.read(request.query, sse.last_event_id(request))
            _, modes = negotiate("", headers.accept)
            if query.text is not None:
                modes = MODES[False, query.text]
            call = await self._admission.admit(method, modes, headers, request.scope)
        except (DecodeError, Denied) as error:
            await refuse(request, method.flavour, error)
            return
        await self._events.watch(call, request, query)
