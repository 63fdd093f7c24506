"""Streaming calls as server-sent events: over POST, and watches over GET for ``EventSource``."""

from __future__ import annotations

from etcd_asgi.asgi.error_responses import refuse
from etcd_asgi.asgi.event_stream import WAITING, EventResponse
from etcd_asgi.asgi.negotiation import wants_events
from etcd_asgi.asgi.request import Request
from etcd_asgi.asgi.request_values import HttpInput, QueryInput
from etcd_asgi.asgi.streaming import Streaming
from etcd_asgi.calls.call import Call
from etcd_asgi.calls.stream import StreamCall
from etcd_asgi.calls.stream_input import Input
from etcd_asgi.calls.watch import query as watch_query
from etcd_asgi.calls.watch.query import WatchQuery
from etcd_asgi.errors import ClientDisconnected, DecodeError


class EventEndpoint:
    """The endpoint of streaming RPCs as server-sent events."""

    def __init__(self, streaming: Streaming) -> None:
        self._streaming = streaming

    async def respond(self, call: Call, request: Request) -> None:
        """Respond to a POST. A header Last-Event-ID moves the start of a first watch."""
        try:
            after = watch_query.revision(last_event_id(request))
        except DecodeError as error:
            call.close()
            await refuse(request, call.method.flavour, error)
            return
        source = HttpInput(request, call.limits.max_body_bytes)
        await self._respond(call, request, source, after)

    async def watch(self, call: Call, request: Request, query: WatchQuery) -> None:
        """Respond to a GET."""
        await self._respond(call, request, QueryInput(request, query.request), query.after)

    async def _respond(
        self, call: Call, request: Request, source: Input, after: int | None
    ) -> None:
        if call.watch is not None:
            call.watch.after = after
        response = EventResponse(request.send, call)

        async def may_wait() -> bool:
            # A browser that connects again gives up on any HTTP error.
            if not response.begun and after is None:
                return False
            if not response.begun:
                await response.add(WAITING)
            return True

        def on_open() -> None:
            response.start(lambda: stream.end(ClientDisconnected()))

        stream = StreamCall(call, source, may_wait, on_open)
        try:
            await self._streaming.carry(stream, response, request)
        finally:
            response.drop()


def asks_for_watch(request: Request) -> bool:
    """Return True if a request for the watch's path asks for server-sent events.

    A GET without a query and an Accept that names them is a wrong method, as it is to etcd.
    """
    return request.method == "GET" and (
        bool(request.query) or wants_events(request.text(b"accept"))
    )


def last_event_id(request: Request) -> str:
    """Return the header of that name; empty if there is none."""
    return (request.header(b"last-event-id") or b"").decode("latin-1")
