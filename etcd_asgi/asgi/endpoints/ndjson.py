"""Streaming calls over POST: JSON values in, one line of JSON for each message out."""

from __future__ import annotations

from etcd_asgi.asgi.request import Request
from etcd_asgi.asgi.request_values import HttpInput
from etcd_asgi.asgi.response_stream import LineResponse
from etcd_asgi.asgi.streaming import Streaming
from etcd_asgi.calls.call import Call
from etcd_asgi.calls.stream import StreamCall


class StreamEndpoint:
    """The endpoint of streaming RPCs as lines."""

    def __init__(self, streaming: Streaming) -> None:
        self._streaming = streaming

    async def respond(self, call: Call, request: Request) -> None:
        """Respond to one request.

        The head is sent with the first line, so that an error before it has its HTTP status.
        """
        stream = StreamCall(call, HttpInput(request, call.limits.max_body_bytes))
        await self._streaming.carry(stream, LineResponse(request.send, call), request)
