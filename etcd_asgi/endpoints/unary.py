"""Unary calls over POST: one JSON message in, one JSON message out."""

from __future__ import annotations

from asyncio import CancelledError
from contextlib import suppress
from time import monotonic

from starlette.types import Message, Receive, Scope, Send

from etcd_asgi.endpoints.answers import CANCELLED, send_error, without_reading
from etcd_asgi.endpoints.bodies import BodyTooLarge, ClientGone, RequestBody
from etcd_asgi.endpoints.failures import Failure, send_failure
from etcd_asgi.endpoints.presence import Presence
from etcd_asgi.endpoints.sending import send_reply
from etcd_asgi.errors import DecodeError, Denied, UpstreamError
from etcd_asgi.flavours import Flavour
from etcd_asgi.metadata import RequestHeaders
from etcd_asgi.reply import Reply
from etcd_asgi.status import Code
from etcd_asgi.transcoder import Transcoder
from etcd_asgi.upstream.deadlines import left_of

_UPSTREAM = (b"grpc-metadata-content-type", b"application/grpc")
"""The upstream's response headers, under grpc-gateway's prefix: etcd sends this one."""

_FORM = "application/x-www-form-urlencoded"


class UnaryEndpoint:
    """Answers requests for unary RPCs."""

    def __init__(self, presence: Presence) -> None:
        self._presence = presence

    async def answer_plain(  # noqa: PLR0915 - in one function, as said below
        self,
        transcoder: Transcoder,
        headers: RequestHeaders,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer a request of which nothing but metadata and message is to be heeded.

        Nearly all are such, small, and in one piece. On their way nothing is made, called or
        awaited that is not needed: that, more than JSON, is what a small call costs here. All
        others go the long way. *transcoder* is one without bounds.
        """
        event = await receive()
        data = event.get("body", b"")
        if event.get("more_body") or not 0 < len(data) <= transcoder.small_body_bytes:
            await self.answer(transcoder, headers, scope, _again(event, receive), send)
            return
        try:
            task = self._presence.begin(receive)
            try:
                rpc, request = transcoder.binding.rpc, transcoder.decode(data)
                large = None
                if not transcoder.weight.is_light(request):
                    large = await transcoder.exchange(request, headers.metadata, None)
                else:
                    answer = await transcoder.upstream.unary(rpc, request, headers.metadata, None)
                    if len(answer) < transcoder.limits.offload_bytes:
                        answer = transcoder.encode(answer)
                    else:
                        large = await transcoder.take(answer)
            except CancelledError:
                self._presence.raise_if_left(task)
                raise
            finally:
                self._presence.end(task)
        except (ClientGone, DecodeError, Denied, UpstreamError) as failure:
            with suppress(OSError):  # the client has left meanwhile
                await _fail(failure, transcoder.flavour, send)
            return
        if large is not None:
            await _send_reply(send, large, transcoder)
            return
        length = (b"content-length", b"%d" % len(answer))
        fields = [transcoder.content_type, _UPSTREAM, length]
        try:
            await send({"type": "http.response.start", "status": 200, "headers": fields})
            await send({"type": "http.response.body", "body": answer})
        except OSError:  # the client has left meanwhile
            return

    async def answer(
        self,
        transcoder: Transcoder,
        headers: RequestHeaders,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer one request; a client that leaves gets none, and its call is cancelled."""
        flavour, body = transcoder.flavour, RequestBody(receive)
        try:
            limit, timeout = transcoder.limits.max_body_bytes, headers.timeout
            started = 0.0 if timeout is None else monotonic()
            data = await body.read(scope, limit, whole=flavour.whole_body)
            if is_form_override(headers):
                data = b""
            left = left_of(timeout, started)
            with self._presence.during(body.after):
                reply = await transcoder.unary(data, headers.metadata, left)
        except (ClientGone, BodyTooLarge, DecodeError, Denied, UpstreamError) as failure:
            with suppress(OSError):  # the client has left meanwhile
                if not isinstance(failure, ClientGone):
                    send = await _after_body(body, scope, send)
                await _fail(failure, flavour, send)
        else:
            with suppress(OSError), reply:  # the client has disconnected meanwhile
                send = await _after_body(body, scope, send)
                await _send_reply(send, reply, transcoder)


def _again(event: Message, receive: Receive) -> Receive:
    """A ``receive`` that begins with *event*, which has been received."""
    events = [event]

    async def again() -> Message:
        return events.pop() if events else await receive()

    return again


async def _send_reply(send: Send, reply: Reply, transcoder: Transcoder) -> None:
    fields = (transcoder.content_type, _UPSTREAM)
    with suppress(OSError):  # the client has disconnected meanwhile
        await send_reply(send, reply, fields, transcoder.limits.send_timeout)


async def _fail(
    failure: ClientGone | Failure | UpstreamError, flavour: Flavour, send: Send
) -> None:
    if isinstance(failure, ClientGone):
        # Nobody reads it, but middleware of the host may insist on an answer.
        await send_error(send, flavour, Code.CANCELLED, CANCELLED)
    else:
        await send_failure(send, flavour, failure)


async def _after_body(body: RequestBody, scope: Scope, send: Send) -> Send:
    """*send*, once the rest of the body has been read, or for a connection that is to be closed."""
    if not body.ended:
        await body.skip_rest()
    return send if body.ended else without_reading(scope, send)


def is_form_override(headers: RequestHeaders) -> bool:
    """Whether grpc-gateway would take the body for a form, and the method from a header.

    Source: grpc-gateway runtime/mux.go, ServeHTTP and isPathLengthFallback.
    """
    return bool(headers.method_override) and headers.content_type == _FORM
