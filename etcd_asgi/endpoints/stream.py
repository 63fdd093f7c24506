"""Streaming calls over POST: JSON values in, one line of JSON for each answer out.

Source: grpc-gateway runtime/handler.go, ForwardResponseStream.
"""

from __future__ import annotations

from contextlib import aclosing, suppress

from starlette.types import Receive, Scope, Send

from etcd_asgi.endpoints.answers import CANCELLED, send_error, without_reading
from etcd_asgi.endpoints.bodies import BodyTooLarge, ClientGone
from etcd_asgi.endpoints.conversation import Conversation
from etcd_asgi.endpoints.inputs import HttpInput
from etcd_asgi.endpoints.open_streams import OpenStreams
from etcd_asgi.errors import DecodeError, UpstreamError
from etcd_asgi.flavours import Flavour
from etcd_asgi.metadata import RequestHeaders
from etcd_asgi.settings import Limits
from etcd_asgi.status import Code
from etcd_asgi.transcoder import Transcoder

_TYPE = (b"content-type", b"application/json")
_METADATA = (b"grpc-metadata-content-type", b"application/grpc")
_UNTOUCHED = (
    (b"cache-control", b"no-store"),
    (b"content-encoding", b"identity"),
    (b"x-accel-buffering", b"no"),
)
"""What keeps caches, compressing middleware and proxies from holding lines back."""


class StreamEndpoint:
    """Answers requests for streaming RPCs, and knows the streams that are open."""

    def __init__(self, limits: Limits, streams: OpenStreams) -> None:
        self._limits = limits
        self._streams = streams

    async def answer(
        self,
        transcoder: Transcoder,
        headers: RequestHeaders,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer one request.

        The head goes out with the first line, so that an error before it has its HTTP status.
        """
        flavour = transcoder.flavour
        lines = Lines(send, flavour)
        source = HttpInput(receive, self._limits.max_body_bytes)
        try:
            await self._converse(Conversation(transcoder, source), headers, lines)
        except ClientGone:
            with suppress(OSError):
                await lines.fail(UpstreamError(Code.CANCELLED, CANCELLED, local=True))
        except DecodeError as error:
            early = without_reading(scope, send)
            await send_error(early, flavour, Code.INVALID_ARGUMENT, str(error))
        except BodyTooLarge as error:
            early = without_reading(scope, send)
            await send_error(early, flavour, Code.RESOURCE_EXHAUSTED, str(error), status=413)
        except UpstreamError as error:
            await lines.fail(error)

    async def _converse(
        self, conversation: Conversation, headers: RequestHeaders, lines: Lines
    ) -> None:
        with self._streams.entered(conversation):
            await conversation.begin(headers.metadata, headers.timeout)
            async with aclosing(conversation.answers()) as answers:
                async for answer in answers:
                    await lines.add(b'{"result":%b}\n' % answer)
        await lines.end()


class Lines:
    """The answer to one request, line by line. Each line is one event, whole and with its end."""

    def __init__(self, send: Send, flavour: Flavour) -> None:
        self._send = send
        self._flavour = flavour
        self._begun = False

    async def add(self, line: bytes) -> None:
        """Send a line.

        Raises:
            ClientGone: the server says that nobody is there to read it.
        """
        if not self._begun:
            await self._begin(200, (_TYPE, _METADATA))
        await self._body(line, more=True)

    async def end(self) -> None:
        """End the answer as etcd ended the call, with OK."""
        if not self._begun:
            await self._begin(200, (_TYPE,) if self._flavour.empty_stream_type else ())
        await self._body(b"", more=False)

    async def fail(self, error: UpstreamError) -> None:
        """End the answer with an error: its own HTTP status if nothing was sent, else a line."""
        if not self._begun and error.local:
            await send_error(self._send, self._flavour, error.code, error.message)
            return
        if not self._begun:
            await self._begin(self._flavour.http_status(error.code), (_TYPE,))
        await self._body(self._flavour.stream_error(error.code, error.message), more=False)

    async def _begin(self, status: int, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        self._begun = True
        start = {"type": "http.response.start", "status": status}
        await self._send({**start, "headers": [*headers, *_UNTOUCHED]})

    async def _body(self, body: bytes, *, more: bool) -> None:
        try:
            await self._send({"type": "http.response.body", "body": body, "more_body": more})
        except OSError:
            raise ClientGone from None
