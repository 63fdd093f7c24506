"""Streaming calls over POST: JSON values in, one line of JSON for each answer out."""

from __future__ import annotations

from typing import Protocol

from starlette.types import Receive, Scope, Send

from etcd_asgi.asgi.endpoints.snapshot_file import Backup, wants_file
from etcd_asgi.asgi.error_responses import send_failure
from etcd_asgi.asgi.request_values import HttpInput
from etcd_asgi.asgi.response_stream import Lines
from etcd_asgi.asgi.responses import without_reading
from etcd_asgi.calls.open_streams import OpenStreams
from etcd_asgi.calls.stream import Conversation, Output
from etcd_asgi.calls.transcoder import Transcoder
from etcd_asgi.errors import BodyTooLarge, ClientDisconnected, DecodeError, Denied, UpstreamError
from etcd_asgi.metadata import RequestHeaders


class Answer(Output, Protocol):
    """The whole answer to one request."""

    async def end(self) -> None:
        """End it as etcd ended the call, with OK."""
        ...

    async def fail(self, error: UpstreamError) -> None:
        """End it with an error: its own HTTP status if nothing was sent."""
        ...

    async def abandon(self) -> None:
        """End it for a client that left."""
        ...


class StreamEndpoint:
    """Answers requests for streaming RPCs, and knows the streams that are open."""

    def __init__(self, streams: OpenStreams) -> None:
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

        Raises:
            ResponseBroken: a file could not be completed; for the server, see there.
        """
        as_file = wants_file(transcoder, scope)
        output = Backup(send, transcoder.flavour) if as_file else Lines(send, transcoder)
        source = HttpInput(receive, transcoder.limits.max_body_bytes, scope["headers"])
        conversation = Conversation(transcoder, source)
        await self.carry(conversation, output, headers, scope, send)

    async def carry(
        self,
        conversation: Conversation,
        output: Answer,
        headers: RequestHeaders,
        scope: Scope,
        send: Send,
    ) -> None:
        """Carry a conversation to its end, and *output* with it.

        Raises:
            ResponseBroken: see :meth:`answer`.
        """
        try:
            with self._streams.entered(conversation):
                await conversation.carry(output, headers.metadata, headers.timeout)
            await output.end()
        except UpstreamError as error:
            await output.fail(error)
        except ClientDisconnected:
            await output.abandon()
        except (BodyTooLarge, DecodeError, Denied) as failure:
            early = send if conversation.input_over else without_reading(scope, send)
            await send_failure(early, conversation.flavour, failure)
