"""Unary calls over POST: one JSON message in, one JSON message out."""

from __future__ import annotations

from contextlib import suppress

from starlette.types import Send

from etcd_asgi.asgi.body import RequestBody
from etcd_asgi.asgi.disconnect import DisconnectMonitor
from etcd_asgi.asgi.error_responses import send_failure
from etcd_asgi.asgi.request import Request
from etcd_asgi.asgi.responses import send_error, without_reading
from etcd_asgi.asgi.timed_sending import BUFFERED_BYTES, send_long
from etcd_asgi.calls.call import Call
from etcd_asgi.calls.large_response import LargeResponse, held
from etcd_asgi.calls.unary import unary
from etcd_asgi.errors import (
    BodyTooLarge,
    ClientDisconnected,
    DecodeError,
    Denied,
    Failure,
    SendFailed,
    UpstreamError,
)
from etcd_asgi.etcd.error_texts import CANCELLED
from etcd_asgi.flavours import Flavour
from etcd_asgi.status import Code

_UPSTREAM = (b"grpc-metadata-content-type", b"application/grpc")
"""The upstream's response headers, under grpc-gateway's prefix: etcd sends this one."""


class UnaryEndpoint:
    """The endpoint of unary RPCs."""

    def __init__(self, monitor: DisconnectMonitor) -> None:
        self._monitor = monitor

    async def respond(self, call: Call, request: Request, *, empty: bool = False) -> None:
        """Respond to one request; when its client disconnects its call is cancelled.

        Args:
            call: of the request.
            request: its body is the request message.
            empty: take the body for an empty one, whatever it holds.
        """
        body, flavour = RequestBody(request), call.method.flavour
        response: bytes | LargeResponse | None = None
        try:
            with self._monitor.watch() as watch:
                data = await body.read(call.limits.max_body_bytes, whole=flavour.whole_body)
                watch.listen(body.after)
                response = await unary(call, b"" if empty else data)
                if body.ended and isinstance(response, bytes):
                    await _send(response, call, request.send)
                else:
                    with held(response):
                        send = request.send if body.ended else await _after_body(body, request)
                        await _send(response, call, send)
        except (ClientDisconnected, BodyTooLarge, DecodeError, Denied, UpstreamError) as failure:
            if response is not None:
                return  # the client has disconnected while it was sent
            send = request.send
            if not (body.ended or isinstance(failure, ClientDisconnected)):
                send = await _after_body(body, request)
            await _fail(failure, flavour, send)


async def _send(response: bytes | LargeResponse, call: Call, send: Send) -> None:
    """Send the response of a call that etcd has ended with OK."""
    fields = [call.transcoder.content_type, _UPSTREAM]
    if isinstance(response, LargeResponse) or len(response) >= BUFFERED_BYTES:
        with suppress(ClientDisconnected):
            await send_long(send, response, fields, call.limits.send_timeout)
        return
    fields.append((b"content-length", b"%d" % len(response)))
    try:  # not with emit(), which costs a small call twice what its header does
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": response})
    except OSError:  # the client has disconnected
        return
    except Exception as error:
        raise SendFailed from error


async def _fail(
    failure: ClientDisconnected | Failure | UpstreamError, flavour: Flavour, send: Send
) -> None:
    with suppress(ClientDisconnected):
        if isinstance(failure, ClientDisconnected):
            # Nobody reads it, but middleware of the host may insist on a response.
            await send_error(send, flavour, Code.CANCELLED, CANCELLED)
        else:
            await send_failure(send, flavour, failure)


async def _after_body(body: RequestBody, request: Request) -> Send:
    """Return ``send`` once the rest of the body has been read, or one that closes."""
    if not request.awaits_continue():
        await body.skip_rest()
    return request.send if body.ended else without_reading(request)
