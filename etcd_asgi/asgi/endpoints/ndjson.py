"""Streaming calls over POST: JSON values in, one line of JSON for each message out."""

from __future__ import annotations

from etcd_asgi.asgi.endpoints.snapshot_file import Backup
from etcd_asgi.asgi.negotiation import Form
from etcd_asgi.asgi.request import Request
from etcd_asgi.asgi.request_values import HttpInput
from etcd_asgi.asgi.response_stream import Lines
from etcd_asgi.asgi.streaming import Streaming
from etcd_asgi.calls.call import Call
from etcd_asgi.calls.stream import Conversation


class StreamEndpoint:
    """Responds to requests for streaming RPCs with lines, or with the file of a snapshot."""

    def __init__(self, streaming: Streaming) -> None:
        self._streaming = streaming

    async def respond(self, call: Call, request: Request, form: Form) -> None:
        """Respond to one request.

        The head goes out with the first line, so that an error before it has its HTTP status.

        Raises:
            ResponseBroken: a file could not be completed.
        """
        as_file = form is Form.FILE and call.method.name == "Maintenance.Snapshot"
        send = request.send
        output = Backup(send, call.method.flavour) if as_file else Lines(send, call)
        stream = Conversation(call, HttpInput(request, call.limits.max_body_bytes))
        await self._streaming.carry(stream, output, request)
