"""A streaming call between a client and etcd, whatever its wire form.

Two tasks share it: the *talker* carries the client's values up, while the task of the request
carries the answers down. Neither has a queue: a message is passed on before the next is read, so
a slow side slows down the other through flow control.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import closing
from typing import Protocol

from google.protobuf.message import Message
from starlette.exceptions import HTTPException

from etcd_asgi.calls.bindings import Kind
from etcd_asgi.calls.call import Call
from etcd_asgi.calls.exchange import hold_for
from etcd_asgi.calls.offload import in_thread
from etcd_asgi.calls.response_budget import Hold
from etcd_asgi.calls.stalled_client import LEAST_RATE, stalled
from etcd_asgi.calls.watch.open_watches import Watches, asks_for_something, is_empty
from etcd_asgi.deadline import exceeded
from etcd_asgi.errors import (
    BodyTooLarge,
    ClientDisconnected,
    DecodeError,
    Denied,
    Failure,
    UpstreamError,
    as_error,
    too_slow,
)
from etcd_asgi.status import Code
from etcd_asgi.upstream import UpstreamStream

logger = logging.getLogger("etcd_asgi")

NOTHING_ASKED = (
    "the request has no create_request to begin a watch with, and etcd would never answer it"
)

_PROGRESS_GRACE = 1.0
"""Seconds that the answer to a progress request has when no watch is left and no more input can
come. Some releases of etcd answer then, others never do."""

_ANSWER_GRACE = 1.0
"""Seconds that etcd has to answer what came before a fault in the input."""

_CANCELED = "context canceled"
"""With code 1 or 2, as the release of the proxy has it."""

End = ClientDisconnected | Failure | HTTPException | UpstreamError | None
"""How a conversation was ended from this side; ``None``: as if etcd had ended it with OK."""


class Input(Protocol):
    """The client's side of a streaming call."""

    async def next(self) -> bytes | None:
        """The next JSON value; ``None`` at the end of the input.

        Raises:
            DecodeError: a value has begun that no JSON begins with, or a body that was announced
                does not arrive.
            BodyTooLarge: a value is longer than the limit.
            ClientDisconnected: the client left.
        """
        ...

    def is_over(self) -> bool:
        """Whether it is known already that :meth:`next` would be the end."""
        ...

    async def left(self) -> bool:
        """Wait for the client to leave, and drop what else it sends.

        Returns:
            Whether the client left; false when that cannot be heard.
        """
        ...


class Output(Protocol):
    """The answer to the client, in some wire form."""

    async def convert(self, message: Message) -> bytes:
        """What an answer of etcd's becomes."""
        ...

    async def add(self, piece: bytes) -> None:
        """Send a converted answer.

        Raises:
            ClientDisconnected: the server says that nobody is there to read it.
        """
        ...


class Conversation:
    """One streaming call under way. There may be thousands: each keeps as little as it can."""

    __slots__ = (
        "_call",
        "_ends",
        "_fault",
        "_held",
        "_input_over",
        "_source",
        "_started",
        "_unanswered",
        "_watches",
        "loop",
        "rpc",
    )

    def __init__(self, call: Call, source: Input) -> None:
        self.loop = asyncio.get_running_loop()
        self.rpc = call
        self._source = source
        self._watches = Watches() if call.method.is_watch else None
        self._input_over = False
        self._unanswered = 0
        """Requests that etcd has not answered yet; not counted for watches."""

        self._started: asyncio.Future[UpstreamStream] = self.loop.create_future()
        self._call: UpstreamStream | None = None
        self._ends: list[End] = []
        self._held: Hold | None = None
        """What a large answer that is to be sent has of the budget."""

        self._fault: UpstreamError | None = None
        """What is wrong with the input, told when etcd has answered what came before it."""

    @property
    def input_over(self) -> bool:
        """Whether the input has been read to its end."""
        return self._source.is_over()

    async def carry(self, output: Output) -> None:
        """Make the call with what the client sends, and send etcd's answers to *output*.

        Returns when etcd has ended the call with OK, or nothing can come any more.

        Raises:
            DecodeError: the first request is not what the RPC takes, or etcd would never answer it.
            Denied: the first request may not pass.
            BodyTooLarge: it is longer than the limit.
            ClientDisconnected: the client left.
            UpstreamError: the call cannot be started, or ended with a status other than OK, or a
                later request is wrong.
            HTTPException: out of the host's own ``receive``, before the first request.
        """
        talker = self.loop.create_task(self._guard())
        try:
            call = await self._started
            while (answer := await self._receive(call, output)) is not None:
                await self._deliver(answer, output)
                del answer  # the next may be long in coming
                if self._fault is not None and not self._is_awaited():
                    raise self._fault
                if self._is_over():
                    return
                if self._is_done():
                    await call.half_close()
            if self._fault is not None:
                raise self._fault
        finally:
            if self._held is not None:
                self._held.close()
            await self._close(talker)

    async def _deliver(self, answer: bytes, output: Output) -> None:
        """Send an answer. A large one counts for the budget until the client has taken it."""
        held, self._held = self._held, None
        if held is None:
            await output.add(answer)
            return
        longest = self.rpc.limits.send_timeout + len(answer) / LEAST_RATE
        with closing(held):
            try:
                async with asyncio.timeout(longest):
                    await output.add(answer)
            except TimeoutError:
                raise stalled(longest) from None

    def end(self, how: End) -> None:
        """End the call from this side, at once. The first end counts."""
        self._ends.append(how)
        if self._call is not None:
            self._call.cancel()
        elif not self._started.done() and how is not None:
            self._started.set_exception(how)

    async def _receive(self, call: UpstreamStream, output: Output) -> bytes | None:
        """The next answer, converted; ``None`` at the end."""
        try:
            answer = await call.receive()
        except UpstreamError as error:
            if not self._ends:
                if error.message == _CANCELED and self._is_done():
                    return None  # so etcd's grpc-proxy ends each call that is half-closed
                raise
            if (end := self._ends[0]) is None:
                return None
            raise end from error
        if answer is None:
            return None
        if len(answer) >= self.rpc.limits.offload_bytes:
            return await self._convert_large(answer, output)
        message = self.rpc.transcoder.parse(answer)
        self._answered(message)
        if self.rpc.guard is not None:
            self.rpc.guard.release(message)
        return await output.convert(message)

    def _answered(self, message: Message) -> None:
        """Take note of an answer of etcd's."""
        if self._watches is not None:
            self._watches.answer(message)
        else:
            self._unanswered -= 1

    async def _convert_large(self, answer: bytes, output: Output) -> bytes:
        """Convert a large message in threads, once there is room for it.

        It is parsed and written as a whole, since it must become one line, event or message.

        Raises:
            UpstreamError: it is longer than the limit.
        """
        hold = await hold_for(self.rpc, answer, None)
        try:
            message = await in_thread(self.rpc.transcoder.parse, answer)
            self._answered(message)
            if self.rpc.guard is not None:
                await in_thread(self.rpc.guard.release, message)
            converted = await output.convert(message)
        except BaseException:
            hold.close()
            raise
        hold.resize(len(converted))
        self._held = hold
        return converted

    async def _guard(self) -> None:
        """Talk, then listen, and make every end of either an end of the conversation."""
        try:
            await self._talk()
            if await self._left():
                self.end(ClientDisconnected())
        except (ClientDisconnected, UpstreamError) as error:
            self.end(error)
        except (DecodeError, Denied, BodyTooLarge, HTTPException) as error:
            await self._end_with_fault(error)
        except Exception:
            logger.exception("error in %s", self.rpc.method.name)
            self.end(UpstreamError(Code.INTERNAL, "internal error", local=True))

    async def _end_with_fault(self, error: Failure | HTTPException) -> None:
        """End for a fault in the input, once what came before it has been answered."""
        if self._call is None:
            self.end(error)
            return
        self._fault = _told(error)
        patience = _ANSWER_GRACE if self._is_awaited() else 0
        self.loop.call_later(patience, self.end, self._fault)
        if await self._left():
            self.end(ClientDisconnected())

    def _is_awaited(self) -> bool:
        """Whether etcd has not answered all requests yet."""
        return self._unanswered > 0 if self._watches is None else self._watches.awaited

    def _is_done(self) -> bool:
        """Whether all requests are sent and answered, so that the call is to be half-closed.

        Not before: etcd answers what a half-closed call has asked for, but its grpc-proxy ends
        such a call at once, and other proxies may take it for idle. A watch is never done: it
        goes on until it is cancelled.

        Source: etcd server/proxy/grpcproxy/watch.go and lease.go (recvLoop).
        """
        return self._watches is None and self._input_over and self._unanswered <= 0

    async def _left(self) -> bool:
        try:
            return await self._source.left()
        except Exception:  # noqa: BLE001 - some middleware raises once the body has been read
            return False

    async def _talk(self) -> None:
        """Start the call, and send requests up to the end of the input."""
        first = await self._first_in_time()
        if self.rpc.method.kind is Kind.SERVER_STREAM:
            if first is None:
                first = await self._admitted(await self._decoded(b""))
            self._start(self.rpc.server_stream(first))
        else:
            self._input_over = self._source.is_over()
            call = self.rpc.bidi()
            self._start(call)
            await self._send_all(call, first)

    async def _first_in_time(self) -> bytes | None:
        """Return the first request, if it comes in time.

        Source: grpc-gateway runtime/context.go: the deadline is set before the body is read.
        """
        patience = self.rpc.limits.request_timeout
        limit = self.loop.call_later(patience, self.end, too_slow(patience))
        timers = [limit]
        left = self.rpc.timeout()
        if left is not None:
            timers.append(self.loop.call_later(left, self.end, exceeded(local=left <= 0)))
        try:
            return await self._first()
        finally:
            for timer in timers:
                timer.cancel()

    async def _first(self) -> bytes | None:
        """The first request that etcd would answer, serialized; ``None`` if the input is empty."""
        while (value := await self._source.next()) is not None:
            message = await self._decoded(value)
            if self._watches is None or asks_for_something(message):
                return await self._admitted(message)
        if self._watches is not None:
            raise DecodeError(NOTHING_ASKED)
        return None

    async def _decoded(self, value: bytes) -> Message:
        """Decode a JSON value of the input."""
        guarded = self.rpc.guard is not None
        return await self.rpc.transcoder.decode_value(value, guarded=guarded)

    async def _admitted(self, message: Message) -> bytes:
        """A request as etcd shall get it, serialized."""
        if self.rpc.guard is not None:
            await self.rpc.guard.admit(message)
        if self._watches is not None:
            self._watches.request(message)
        else:
            self._unanswered += 1
        return message.SerializeToString()

    def _start(self, call: UpstreamStream) -> None:
        self._call = call
        if self._started.done():  # the conversation was ended meanwhile
            call.cancel()
        else:
            self._started.set_result(call)

    async def _send_all(self, call: UpstreamStream, first: bytes | None) -> None:
        """Send the first request, and those that follow up to the end of the input."""
        if first is not None:
            await call.send(first)
        while (value := await self._source.next()) is not None:
            message = await self._decoded(value)
            if self._watches is not None and is_empty(message):
                continue
            if not await call.send(await self._admitted(message)):
                return
        self._input_over = True
        if self._is_over():
            self.end(None)
        elif self._is_done():
            await call.half_close()

    def _is_over(self) -> bool:
        """Whether nothing can come any more, though etcd would leave the call open."""
        watches = self._watches
        if watches is None or not self._input_over or not watches.none_left:
            return False
        if watches.progress_asked:
            self.loop.call_later(_PROGRESS_GRACE, self.end, None)
            return False
        return True

    async def _close(self, talker: asyncio.Task[None]) -> None:
        if self._call is not None:
            self._call.cancel()
        talker.cancel()
        await asyncio.wait({talker})
        if self._started.done() and not self._started.cancelled():
            self._started.exception()  # seen, even if nobody waits for it any more


def _told(error: Failure | HTTPException) -> UpstreamError:
    """What ends a call that has begun, for a fault in its input."""
    if isinstance(error, HTTPException):
        return UpstreamError(Code.UNKNOWN, error.detail)
    return as_error(error, local=False)
