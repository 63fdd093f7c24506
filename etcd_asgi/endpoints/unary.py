"""Unary calls over POST: one JSON message in, one JSON message out."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Awaitable
from contextlib import suppress
from functools import partial
from time import monotonic

from starlette.types import Message, Receive, Scope, Send

from etcd_asgi.endpoints.answers import (
    CANCELLED,
    events,
    send_error,
    without_reading,
)
from etcd_asgi.endpoints.bodies import (
    BodyTooLarge,
    ClientGone,
    RequestBody,
    in_one_piece,
    leave,
)
from etcd_asgi.endpoints.failures import send_failure
from etcd_asgi.endpoints.presence import Presence
from etcd_asgi.errors import DecodeError, Denied, UpstreamError
from etcd_asgi.metadata import RequestHeaders
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

    async def answer(
        self,
        transcoder: Transcoder,
        headers: RequestHeaders,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer one request; a client that leaves gets none, and its call is cancelled.

        Nearly every body comes in one piece, for which nothing is made that is not needed: on a
        small call's way each object and each coroutine counts.
        """
        flavour, timeout, body = transcoder.flavour, headers.timeout, None
        started = 0.0 if timeout is None else monotonic()
        try:
            event = await receive()
            if (data := in_one_piece(event, transcoder.limits.max_body_bytes)) is None:
                body = RequestBody(receive)
                data = await _read(body, event, scope, transcoder)
            if headers.method_override and is_form_override(headers):
                data = b""
            task = self._presence.begin(partial(leave, receive) if body is None else body.left)
            try:
                left = timeout if timeout is None else left_of(timeout, started)
                answer = await transcoder.unary(data, headers.metadata, left)
            except CancelledError:
                self._presence.raise_if_left(task)
                raise
            finally:
                self._presence.end(task)
        except ClientGone:
            # Nobody reads it, but middleware of the host may insist on an answer.
            with suppress(OSError):
                await send_error(send, flavour, Code.CANCELLED, CANCELLED)
        except (BodyTooLarge, DecodeError, Denied, UpstreamError) as failure:
            with suppress(OSError):  # the client has left meanwhile
                send = await _after_body(body, scope, send)
                await send_failure(send, flavour, failure)
        else:
            with suppress(OSError):
                if body is not None:
                    send = await _after_body(body, scope, send)
                fields = ((b"content-type", transcoder.content_type), _UPSTREAM)
                head, rest = events(200, answer, fields)
                await send(head)
                await send(rest)


def _read(
    body: RequestBody, event: Message, scope: Scope, transcoder: Transcoder
) -> Awaitable[bytes]:
    limit, whole = transcoder.limits.max_body_bytes, transcoder.flavour.whole_body
    return body.read(event, scope, limit, whole=whole)


async def _after_body(body: RequestBody | None, scope: Scope, send: Send) -> Send:
    """*send*, once the rest of the body has been read, or for a connection that is to be closed."""
    if body is None or body.ended:
        return send
    await body.skip_rest()
    return send if body.ended else without_reading(scope, send)


def is_form_override(headers: RequestHeaders) -> bool:
    """Whether grpc-gateway would take the body for a form, and the method from a header.

    Source: grpc-gateway runtime/mux.go, ServeHTTP and isPathLengthFallback.
    """
    return bool(headers.method_override) and headers.content_type == _FORM
