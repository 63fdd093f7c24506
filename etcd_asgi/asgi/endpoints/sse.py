"""Streaming calls as server-sent events: over POST, and watches over GET for ``EventSource``."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from etcd_asgi.asgi.endpoints.ndjson import StreamEndpoint
from etcd_asgi.asgi.endpoints.resuming import Following
from etcd_asgi.asgi.error_responses import send_failure
from etcd_asgi.asgi.event_stream import Events
from etcd_asgi.asgi.negotiation import wants_events
from etcd_asgi.asgi.request_values import HttpInput, QueryInput
from etcd_asgi.asgi.responses import after_short_body
from etcd_asgi.calls.stream import Input
from etcd_asgi.calls.transcoder import Transcoder
from etcd_asgi.calls.watch import query as watch_query
from etcd_asgi.calls.watch.position import WatchTrack
from etcd_asgi.calls.watch.query import WatchQuery
from etcd_asgi.errors import DecodeError
from etcd_asgi.metadata import RequestHeaders

_LAST_ID = b"last-event-id"


class EventEndpoint:
    """Answers requests for streaming RPCs with events."""

    def __init__(self, streaming: StreamEndpoint) -> None:
        self._streaming = streaming

    async def answer(
        self,
        transcoder: Transcoder,
        headers: RequestHeaders,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer a POST. A header Last-Event-ID moves the begin of a first watch."""
        try:
            after = watch_query.revision(last_event_id(scope))
        except DecodeError as error:
            early = await after_short_body(scope, receive, send)
            await send_failure(early, transcoder.flavour, error)
            return
        source = HttpInput(receive, transcoder.limits.max_body_bytes, scope["headers"])
        await self._answer(transcoder, headers, source, after, scope, send)

    async def watch(
        self,
        transcoder: Transcoder,
        headers: RequestHeaders,
        query: WatchQuery,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer a GET."""
        source = QueryInput(receive, query.request)
        await self._answer(transcoder, headers, source, query.after, scope, send)

    async def _answer(
        self,
        transcoder: Transcoder,
        headers: RequestHeaders,
        source: Input,
        after: int | None,
        scope: Scope,
        send: Send,
    ) -> None:
        track = WatchTrack(after) if transcoder.binding.name == "Watch.Watch" else None
        output = Events(send, transcoder, track)
        call = Following(transcoder, source, output, track, patient=after is not None)
        try:
            await self._streaming.carry(call, output, headers, scope, send)
        finally:
            output.drop()


def asks_for_watch(scope: Scope) -> bool:
    """Whether a request for the watch's path asks for events.

    Without a query or an Accept that says so it is a mistake, as it is to etcd.
    """
    if scope["method"] != "GET":
        return False
    accepted = (value.decode("latin-1") for name, value in scope["headers"] if name == b"accept")
    return bool(scope.get("query_string")) or wants_events(",".join(accepted))


def last_event_id(scope: Scope) -> str:
    """The header of that name; empty if there is none."""
    return next(
        (value.decode("latin-1") for name, value in scope["headers"] if name == _LAST_ID), ""
    )
