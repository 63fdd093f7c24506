"""Streaming calls over HTTP: carried to their end, whatever the form of the response."""

from __future__ import annotations

from contextlib import closing
from typing import Protocol

from etcd_asgi.asgi.error_responses import send_failure
from etcd_asgi.asgi.request import Request
from etcd_asgi.asgi.responses import without_reading
from etcd_asgi.calls.open_streams import OpenStreams
from etcd_asgi.calls.stream import StreamCall
from etcd_asgi.calls.stream_output import Output
from etcd_asgi.errors import (
    BodyTooLarge,
    ClientDisconnected,
    DecodeError,
    Denied,
    UpstreamError,
)


class Response(Output, Protocol):
    """The whole response to one request."""

    async def end(self) -> None:
        """End it as etcd ended the call, with OK."""
        ...

    async def fail(self, error: UpstreamError) -> None:
        """End it with an error: with its HTTP status if nothing was sent."""
        ...

    async def abandon(self) -> None:
        """End it for a client that has disconnected."""
        ...


class Streaming:
    """The streaming calls that are open over HTTP."""

    def __init__(self, streams: OpenStreams) -> None:
        self._streams = streams

    async def carry(self, stream: StreamCall, response: Response, request: Request) -> None:
        """Carry a call to its end, and *response* with it.

        Raises:
            ResponseBroken: a response has begun, and must not seem whole.
        """
        call = stream.call
        try:
            with closing(call), self._streams.entered(stream):
                await stream.carry(response)
            await response.end()
        except UpstreamError as error:
            await response.fail(error)
        except ClientDisconnected:
            await response.abandon()
        except (BodyTooLarge, DecodeError, Denied) as failure:
            early = request.send if stream.input_over else without_reading(request)
            await send_failure(early, call.method.flavour, failure)
