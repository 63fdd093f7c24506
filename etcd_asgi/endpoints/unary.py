"""Unary calls over POST: one JSON message in, one JSON message out."""

from __future__ import annotations

from contextlib import suppress

from starlette.types import Receive, Scope, Send

from etcd_asgi.endpoints.answers import CANCELLED, send_error, send_json, without_reading
from etcd_asgi.endpoints.bodies import BodyTooLarge, ClientGone, read_body
from etcd_asgi.endpoints.presence import while_present
from etcd_asgi.errors import DecodeError, UpstreamError
from etcd_asgi.metadata import RequestHeaders
from etcd_asgi.settings import Limits
from etcd_asgi.status import Code
from etcd_asgi.transcoder import Transcoder

_HEADERS = ((b"grpc-metadata-content-type", b"application/grpc"),)
"""The upstream's response headers, under grpc-gateway's prefix: etcd sends this one."""

_FORM = "application/x-www-form-urlencoded"


async def unary(
    transcoder: Transcoder,
    headers: RequestHeaders,
    limits: Limits,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Answer one request; a client that leaves gets none, and its call is cancelled."""
    flavour = transcoder.flavour
    try:
        body = await read_body(scope, receive, limits.max_body_bytes, whole=flavour.whole_body)
        if is_form_override(headers):
            body = b""
        call = transcoder.unary(body, headers.metadata, headers.timeout)
        answer = await while_present(receive, call)
    except ClientGone:
        # Nobody reads it, but middleware of the host may insist on an answer.
        with suppress(OSError):
            await send_error(send, flavour, Code.CANCELLED, CANCELLED)
    except BodyTooLarge as error:
        send = without_reading(scope, send)
        await send_error(send, flavour, Code.RESOURCE_EXHAUSTED, str(error), status=413)
    except DecodeError as error:
        await send_error(send, flavour, Code.INVALID_ARGUMENT, str(error))
    except UpstreamError as error:
        await send_error(send, flavour, error.code, error.message)
    else:
        await send_json(send, 200, answer, _HEADERS)


def is_form_override(headers: RequestHeaders) -> bool:
    """Whether grpc-gateway would take the body for a form, and the method from a header.

    Source: grpc-gateway runtime/mux.go, ServeHTTP and isPathLengthFallback.
    """
    return bool(headers.method_override) and headers.content_type == _FORM
