"""A streaming call between a client and etcd, whatever its wire form.

Two tasks share it: the *talker* carries the client's values up, while the task of the request
carries the answers down. Neither has a queue: a message is passed on before the next is read, so
a slow side slows down the other through flow control.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable

from etcd_asgi.bindings import Kind
from etcd_asgi.endpoints.bodies import BodyTooLarge, ClientGone
from etcd_asgi.endpoints.inputs import Input
from etcd_asgi.endpoints.watching import Watches, asks_for_something, is_empty
from etcd_asgi.errors import DecodeError, UpstreamError
from etcd_asgi.metadata import Metadata
from etcd_asgi.status import Code
from etcd_asgi.transcoder import Transcoder
from etcd_asgi.upstream import UpstreamStream

logger = logging.getLogger("etcd_asgi")

NOTHING_ASKED = (
    "the request has no create_request to begin a watch with, and etcd would never answer it"
)

End = ClientGone | UpstreamError | None
"""How a conversation was ended from this side; ``None``: as if etcd had ended it with OK."""


class Conversation:
    """One streaming call under way."""

    def __init__(self, transcoder: Transcoder, source: Input) -> None:
        self.loop = asyncio.get_running_loop()
        self._transcoder = transcoder
        self._source = source
        self._values = source.values()
        self._watches = Watches() if transcoder.binding.name == "Watch.Watch" else None
        self._input_over = False
        self._call: UpstreamStream | None = None
        self._ends: list[End] = []
        self._talker: asyncio.Task[None] | None = None

    async def begin(self, metadata: Metadata, timeout: float | None) -> None:
        """Read the first request and start the call with it.

        Raises:
            DecodeError: it is not what the RPC takes, or etcd would never answer it.
            BodyTooLarge: it is longer than the limit.
            ClientGone: the client left before.
            UpstreamError: the call cannot be started.
        """
        transcoder = self._transcoder
        first = await self._first()
        if transcoder.binding.kind is Kind.SERVER_STREAM:
            request = transcoder.decode(b"") if first is None else first
            self._call = transcoder.server_stream(request, metadata, timeout)
            self._talker = self.loop.create_task(self._guard(self._listen))
        else:
            self._call = transcoder.bidi(metadata, timeout)
            self._talker = self.loop.create_task(self._guard(lambda: self._talk(first)))
        if self._ends:  # while the first request was awaited
            self._call.cancel()

    async def answers(self) -> AsyncGenerator[bytes]:
        """The JSON of each message from etcd.

        Raises:
            ClientGone: the client left.
            UpstreamError: the call ended with a status other than OK.
        """
        assert self._call is not None, "begin() comes first"
        try:
            while (answer := await self._receive(self._call)) is not None:
                message = self._transcoder.parse(answer)
                if self._watches is not None:
                    self._watches.answer(message)
                yield await self._transcoder.encode_message(message)
                if self._is_idle():
                    return
        finally:
            await self._close()

    def end(self, how: End) -> None:
        """End the call from this side, at once. The first end counts."""
        self._ends.append(how)
        if self._call is not None:
            self._call.cancel()

    async def _receive(self, call: UpstreamStream) -> bytes | None:
        try:
            return await call.receive()
        except UpstreamError as error:
            if not self._ends:
                raise
            if (end := self._ends[0]) is None:
                return None
            raise end from error

    async def _first(self) -> bytes | None:
        """The first request that etcd would answer, serialized; ``None`` if the input is empty."""
        async for value in self._values:
            message = self._transcoder.decode_message(value)
            if self._watches is None:
                return message.SerializeToString()
            if asks_for_something(message):
                self._watches.request(message)
                return message.SerializeToString()
        if self._watches is not None:
            raise DecodeError(NOTHING_ASKED)
        return None

    async def _guard(self, talk: Callable[[], Awaitable[None]]) -> None:
        """Make every end of the talker an end of the conversation."""
        try:
            await talk()
        except ClientGone as gone:
            self.end(gone)
        except DecodeError as error:
            self.end(UpstreamError(Code.INVALID_ARGUMENT, str(error)))
        except BodyTooLarge as error:
            self.end(UpstreamError(Code.RESOURCE_EXHAUSTED, str(error)))
        except Exception:
            logger.exception("error in %s", self._transcoder.binding.name)
            self.end(UpstreamError(Code.INTERNAL, "internal error"))

    async def _talk(self, first: bytes | None) -> None:
        assert self._call is not None
        if first is not None:
            await self._call.send(first)
        async for value in self._values:
            message = self._transcoder.decode_message(value)
            if self._watches is not None:
                if is_empty(message):
                    continue
                self._watches.request(message)
            if not await self._call.send(message.SerializeToString()):
                break
        self._input_over = True
        if self._is_idle():
            self.end(None)
            return
        await self._call.half_close()
        await self._listen()

    async def _listen(self) -> None:
        await self._source.left()
        raise ClientGone

    def _is_idle(self) -> bool:
        """Whether nothing can come any more, though etcd would leave the call open."""
        return self._watches is not None and self._input_over and self._watches.none_left

    async def _close(self) -> None:
        if self._call is not None:
            self._call.cancel()
        if self._talker is not None:
            self._talker.cancel()
            await asyncio.wait({self._talker})
        await self._values.aclose()
