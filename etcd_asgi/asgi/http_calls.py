"""Calls over HTTP: a request admitted, and given to the endpoint of its form."""

from __future__ import annotations

from contextlib import closing

from starlette.types import Receive, Scope, Send

from etcd_asgi.asgi import negotiation, route_errors
from etcd_asgi.asgi.endpoints import sse
from etcd_asgi.asgi.endpoints.ndjson import StreamEndpoint
from etcd_asgi.asgi.endpoints.sse import EventEndpoint
from etcd_asgi.asgi.endpoints.unary import UnaryEndpoint, is_form_override
from etcd_asgi.asgi.error_responses import send_failure
from etcd_asgi.asgi.responses import after_short_body
from etcd_asgi.asgi.routes import Route
from etcd_asgi.calls.bindings import Kind
from etcd_asgi.calls.watch import query as watch_query
from etcd_asgi.codec.modes import Modes
from etcd_asgi.errors import DecodeError, Denied
from etcd_asgi.metadata import RequestHeaders, read
from etcd_asgi.policy.admission import Admission


class HttpCalls:
    """Answers requests for RPCs.

    Args:
        admission: who may come in.
        unary: answers calls with one message each way.
        streaming: answers all others.
    """

    def __init__(
        self, admission: Admission, unary: UnaryEndpoint, streaming: StreamEndpoint
    ) -> None:
        self._admission = admission
        self._unary = unary
        self._streaming = streaming
        self._events = EventEndpoint(streaming)

    async def post(
        self,
        route: Route,
        headers: RequestHeaders,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer a POST."""
        transcoder, admission = route.transcoder, self._admission
        try:
            if is_form_override(headers) and headers.method_override != "POST":
                early = await after_short_body(scope, receive, send)
                await route_errors.wrong_method(scope, early, route.flavour)
                return
            if "=" in headers.content_type or "=" in headers.accept:
                modes = negotiation.modes(headers.content_type, headers.accept)
                transcoder = transcoder.in_modes(modes)
            if headers.ambient or not admission.is_open:
                transcoder = await admission.admit(transcoder, headers, scope)
        except (DecodeError, Denied) as error:
            early = await after_short_body(scope, receive, send)
            await send_failure(early, route.flavour, error)
            return
        if route.kind is Kind.UNARY:
            await self._unary.answer(transcoder, headers, scope, receive, send)
            return
        form = self._events if negotiation.wants_events(headers.accept) else self._streaming
        with closing(transcoder):
            await form.answer(transcoder, headers, scope, receive, send)

    async def watch_by_get(self, route: Route, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer ``EventSource``, which can neither send a body nor headers."""
        try:
            headers = headers_of(scope)
            query = watch_query.read(scope["query_string"], sse.last_event_id(scope))
            modes = negotiation.modes("", headers.accept)
            if query.text is not None:
                modes = Modes(answer=query.text)
            base = route.transcoder.in_modes(modes)
            transcoder = await self._admission.admit(base, headers, scope)
        except (DecodeError, Denied) as error:
            early = await after_short_body(scope, receive, send)
            await send_failure(early, route.flavour, error)
            return
        with closing(transcoder):
            await self._events.watch(transcoder, headers, query, scope, receive, send)


def headers_of(scope: Scope) -> RequestHeaders:
    """What a request's headers mean.

    Raises:
        DecodeError: one of them cannot be read.
    """
    client = scope.get("client")
    return read(scope["headers"], client[0] if client else None)
