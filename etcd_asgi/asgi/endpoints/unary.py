"""Unary calls over POST: one JSON message in, one JSON message out."""

from __future__ import annotations

from asyncio import CancelledError
from contextlib import suppress
from time import monotonic

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from etcd_asgi.asgi.body import RequestBody, asks_beforehand
from etcd_asgi.asgi.disconnect import Presence
from etcd_asgi.asgi.error_responses import send_failure
from etcd_asgi.asgi.responses import CANCELLED, send_error, without_reading
from etcd_asgi.asgi.timed_sending import BUFFERED_BYTES, send_long
from etcd_asgi.calls.large_response import Reply, held
from etcd_asgi.calls.transcoder import Transcoder
from etcd_asgi.deadline import left_of
from etcd_asgi.errors import (
    BodyTooLarge,
    ClientDisconnected,
    DecodeError,
    Denied,
    Failure,
    SendFailed,
    UpstreamError,
)
from etcd_asgi.flavours import Flavour
from etcd_asgi.metadata import RequestHeaders
from etcd_asgi.status import Code

_UPSTREAM = (b"grpc-metadata-content-type", b"application/grpc")
"""The upstream's response headers, under grpc-gateway's prefix: etcd sends this one."""

_FORM = "application/x-www-form-urlencoded"


class UnaryEndpoint:
    """Answers requests for unary RPCs."""

    def __init__(self, presence: Presence) -> None:
        self._presence = presence

    async def answer_plain(  # noqa: PLR0915 - in one piece: each function more costs most calls
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
        event: Message | None = None
        answer: bytes | Reply | None = None
        try:
            task = self._presence.begin()
            try:
                event = await receive()
                if not event.get("more_body"):
                    data = event.get("body", b"")
                    if 0 < len(data) <= transcoder.small_body_bytes:
                        self._presence.listen(task, receive)
                        answer = await transcoder.unary(data, headers.metadata, None)
                        with held(answer):
                            await _send(answer, transcoder, send)
            except CancelledError:
                self._presence.raise_reason(task)
                raise
            finally:
                self._presence.end(task)
        except (ClientDisconnect, OSError):
            if event is not None:
                raise
            await _fail(ClientDisconnected(), transcoder.flavour, send)
        except (ClientDisconnected, DecodeError, Denied, UpstreamError) as failure:
            if answer is None:  # else the client has disconnected while it was answered
                early = without_reading(scope, send) if event is None else send
                await _fail(failure, transcoder.flavour, early)
        else:
            if answer is None:
                await self.answer(transcoder, headers, scope, _again(event, receive), send)

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
        reply: bytes | Reply | None = None
        try:
            limit, timeout = transcoder.limits.max_body_bytes, headers.timeout
            started = 0.0 if timeout is None else monotonic()
            with self._presence.during(None):
                data = await body.read(scope, limit, whole=flavour.whole_body)
            if is_form_override(headers):
                data = b""
            left = left_of(timeout, started)
            with self._presence.during(body.after):
                reply = await transcoder.unary(data, headers.metadata, left)
                with held(reply):
                    await _send(reply, transcoder, await _after_body(body, scope, send))
        except (ClientDisconnected, BodyTooLarge, DecodeError, Denied, UpstreamError) as failure:
            if reply is None:  # else the client has disconnected while it was answered
                if not isinstance(failure, ClientDisconnected):
                    send = await _after_body(body, scope, send)
                await _fail(failure, flavour, send)


async def _send(answer: bytes | Reply, transcoder: Transcoder, send: Send) -> None:
    """Send the response of a call that etcd has ended with OK."""
    fields = [transcoder.content_type, _UPSTREAM]
    if isinstance(answer, Reply) or len(answer) >= BUFFERED_BYTES:
        with suppress(ClientDisconnected):
            await send_long(send, answer, fields, transcoder.limits.send_timeout)
        return
    fields.append((b"content-length", b"%d" % len(answer)))
    try:  # not with emit(), which costs a small call twice what its header does
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": answer})
    except OSError:  # the client has disconnected
        return
    except Exception as error:
        raise SendFailed from error


def _again(event: Message, receive: Receive) -> Receive:
    """A ``receive`` that begins with *event*, which has been received."""
    events = [event]

    async def again() -> Message:
        return events.pop() if events else await receive()

    return again


async def _fail(
    failure: ClientDisconnected | Failure | UpstreamError, flavour: Flavour, send: Send
) -> None:
    with suppress(ClientDisconnected):
        if isinstance(failure, ClientDisconnected):
            # Nobody reads it, but middleware of the host may insist on an answer.
            await send_error(send, flavour, Code.CANCELLED, CANCELLED)
        else:
            await send_failure(send, flavour, failure)


async def _after_body(body: RequestBody, scope: Scope, send: Send) -> Send:
    """*send*, once the rest of the body has been read, or for a connection that is to be closed."""
    if not (body.ended or asks_beforehand(scope)):
        await body.skip_rest()
    return send if body.ended else without_reading(scope, send)


def is_form_override(headers: RequestHeaders) -> bool:
    """Whether grpc-gateway would take the body for a form, and the method from a header.

    Source: grpc-gateway runtime/mux.go, ServeHTTP and isPathLengthFallback.
    """
    return bool(headers.method_override) and headers.content_type == _FORM
