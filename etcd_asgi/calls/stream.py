"""A streaming call between a client and etcd, whatever its wire form.

Two tasks share it: the *talker* carries the client's values up, while the task of the request
carries the replies down. Neither has a queue: a message is passed on before the next is read, so a
slow side slows down the other through flow control.

A call is in one of these states, each followed by a later one alone:

======== ============================== ============================================
state    begins with                    ends with
======== ============================== ============================================
READING  the request                    the first value that etcd would reply to
OPEN     the stream to etcd             an end of either side; a fault in the input
FAULTY   a fault in the input           the replies to what came before; a short time
ENDED    the first call of end()        nothing: the stream is cancelled
======== ============================== ============================================
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from enum import Enum, auto

from google.protobuf.message import Message

from etcd_asgi.calls.bindings import Kind
from etcd_asgi.calls.call import Call
from etcd_asgi.calls.offload import in_thread
from etcd_asgi.calls.stream_input import Input
from etcd_asgi.calls.stream_output import Delivery, Output
from etcd_asgi.calls.watch.resume import MayWait, ResumingStream
from etcd_asgi.calls.watch.state import gets_a_reply, is_empty
from etcd_asgi.deadline import exceeded
from etcd_asgi.errors import (
    BodyTooLarge,
    ClientDisconnected,
    DecodeError,
    Denied,
    Failure,
    HostError,
    UpstreamError,
    as_error,
    too_slow,
)
from etcd_asgi.etcd.error_texts import CANCELLED
from etcd_asgi.status import Code
from etcd_asgi.upstream import UpstreamStream

logger = logging.getLogger("etcd_asgi")

NOTHING_ASKED = (
    "the request has no create_request to begin a watch with, and etcd would never answer it"
)

_PROGRESS_GRACE = 1.0
"""Seconds for the reply to a progress request when no watch is open and no more input can come.
Some releases of etcd send one then, others never do."""

_REPLY_GRACE = 1.0
"""Seconds that etcd has to reply to the requests before a fault in the input."""


End = ClientDisconnected | Failure | HostError | UpstreamError | None
"""Reason why the gateway ended a call; ``None`` is a normal end."""


class State(Enum):
    """The state of a streaming call: see the head of this file."""

    READING = auto()
    OPEN = auto()
    FAULTY = auto()
    ENDED = auto()


class StreamCall:
    """One streaming call. There may be thousands: each keeps as little as it can.

    Args:
        call: the call to make.
        source: the client's values.
        may_wait: for a watch to be resumed: see
            :class:`~etcd_asgi.calls.watch.resume.ResumingStream`.
        on_open: called once the stream to etcd is open.
    """

    __slots__ = (
        "_end",
        "_fault",
        "_may_wait",
        "_on_open",
        "_opened",
        "_source",
        "_state",
        "_stream",
        "_unreplied",
        "_watch",
        "call",
        "input_over",
        "loop",
    )

    def __init__(
        self,
        call: Call,
        source: Input,
        may_wait: MayWait | None = None,
        on_open: Callable[[], None] | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.call = call
        self.input_over = False
        """True when the input has been read to its end."""

        self._source = source
        self._watch = call.watch
        self._may_wait = may_wait
        self._on_open = on_open
        self._state = State.READING
        self._opened: asyncio.Future[None] = self.loop.create_future()
        self._stream: UpstreamStream | None = None
        self._unreplied = 0
        """Requests that etcd has not replied to; not counted for watches."""

        self._end: End = None
        self._fault: UpstreamError | None = None
        """The error for bad input, reported after the replies to the requests before it."""

    async def carry(self, output: Output) -> None:
        """Make the call with the client's values, and send etcd's replies to *output*.

        Returns when etcd has ended the call with OK, or nothing can come any more.

        Raises:
            DecodeError: the first request is not what the RPC takes, or etcd would never reply.
            Denied: the first request is refused.
            BodyTooLarge: it is longer than the limit.
            ClientDisconnected: the client has disconnected.
            UpstreamError: the call cannot be started, or ended with a status other than OK, or a
                later request is wrong.
            HostError: out of the host's own ``receive``, before the first request.
        """
        talker = self.loop.create_task(self._talk_to_the_end())
        delivery = Delivery(self.call, output)
        try:
            await self._opened
            assert self._stream is not None
            if self._on_open is not None:
                self._on_open()
            await self._carry_replies(self._stream, delivery)
        finally:
            delivery.drop()
            await self._close(talker)

    def end(self, how: End) -> None:
        """End the call at once. The first reason counts."""
        if self._state is State.ENDED:
            return
        self._state, self._end = State.ENDED, how
        if self._stream is not None:
            self._stream.cancel()
        elif not self._opened.done() and how is not None:
            self._opened.set_exception(how)

    # ---- etcd to client

    async def _carry_replies(self, stream: UpstreamStream, delivery: Delivery) -> None:
        while (reply := await self._receive(stream)) is not None:
            message = await delivery.parse(reply)
            del reply
            self._replied(message)
            error = None if self._watch is None else self._watch.error
            if error is not None and isinstance(stream, ResumingStream):
                delivery.drop()
                await self._resume(stream, error)
                continue
            await delivery.send(message)
            del message  # the next may be long in coming
            if self._fault is not None and not self._is_awaited():
                raise self._fault
            if self._is_over():
                return
            if self._is_done():
                await stream.half_close()
        if self._fault is not None:
            raise self._fault

    async def _receive(self, stream: UpstreamStream) -> bytes | None:
        """Return etcd's next reply; ``None`` at the end."""
        try:
            return await stream.receive()
        except UpstreamError as error:
            if self._state is not State.ENDED:
                if error.message == CANCELLED and self._is_done():
                    return None  # so etcd's grpc-proxy ends each call that is half-closed
                raise
            if self._end is None:
                return None
            raise self._end from error

    async def _resume(self, stream: ResumingStream, lost: UpstreamError) -> None:
        """Resume the only watch, which etcd has cancelled."""
        try:
            await stream.resume(lost)
        except UpstreamError:
            if self._state is State.ENDED and self._end is not None:
                raise self._end from lost
            raise

    def _replied(self, message: Message) -> None:
        """Take note of a reply of etcd's."""
        if self._watch is not None:
            self._watch.reply(message)
        else:
            self._unreplied -= 1

    # ---- client to etcd

    async def _talk_to_the_end(self) -> None:
        """Send all requests, wait for the client to disconnect, and end the call."""
        try:
            await self._talk()
            if await self._has_disconnected():
                self.end(ClientDisconnected())
        except (ClientDisconnected, UpstreamError) as error:
            self.end(error)
        except (DecodeError, Denied, BodyTooLarge, HostError) as error:
            await self._end_with_fault(error)
        except Exception:
            logger.exception("error in %s", self.call.method.name)
            self.end(UpstreamError(Code.INTERNAL, "internal error", local=True))

    async def _talk(self) -> None:
        """Open the stream, and send requests up to the end of the input."""
        first, call = await self._first_in_time(), self.call
        if call.method.kind is Kind.SERVER_STREAM:
            if first is None:
                first = await self._admitted(await self._decoded(b""))
            self._open(call.server_stream(first))
            return
        self._note_end_of_input(self._source.is_over())
        if self._watch is not None and self._may_wait is not None:
            stream: UpstreamStream = ResumingStream(
                call.bidi, self._watch, call.limits, self._may_wait
            )
        else:
            stream = call.bidi()
        self._open(stream)
        await self._send_all(stream, first)

    async def _first_in_time(self) -> bytes | None:
        """Return the first request, if it comes in time.

        Source: grpc-gateway runtime/context.go: the deadline is set before the body is read.
        """
        patience = self.call.limits.request_timeout
        timers = [self.loop.call_later(patience, lambda: self.end(too_slow(patience)))]
        left = self.call.timeout()
        if left is not None:
            timers.append(self.loop.call_later(left, lambda: self.end(exceeded(local=left <= 0))))
        try:
            return await self._first()
        finally:
            for timer in timers:
                timer.cancel()

    async def _first(self) -> bytes | None:
        """Return the first request that gets a reply, serialized; ``None`` if there is no input."""
        while (value := await self._source.next()) is not None:
            message = await self._decoded(value)
            if self._watch is None or gets_a_reply(message):
                return await self._admitted(message)
        if self._watch is not None:
            raise DecodeError(NOTHING_ASKED)
        return None

    async def _decoded(self, value: bytes) -> Message:
        transcoder = self.call.transcoder
        decode = transcoder.decode_message if self.call.guard is None else transcoder.decode_guarded
        is_small = len(value) < self.call.limits.offload_body_bytes
        return decode(value) if is_small else await in_thread(decode, value)

    async def _admitted(self, message: Message) -> bytes:
        """Return a request as etcd shall get it, serialized."""
        if self._watch is not None:
            self._watch.begin(message)
        if self.call.guard is not None:
            await self.call.guard.admit(message)
        if self._watch is not None:
            self._watch.request(message)
        else:
            self._unreplied += 1
        return message.SerializeToString()

    def _open(self, stream: UpstreamStream) -> None:
        self._stream = stream
        if self._state is State.READING:
            self._state = State.OPEN
        else:  # the call was ended meanwhile
            stream.cancel()
        if not self._opened.done():
            self._opened.set_result(None)

    async def _send_all(self, stream: UpstreamStream, first: bytes | None) -> None:
        """Send the first request, and those that follow up to the end of the input."""
        if first is not None:
            await stream.send(first)
        while (value := await self._source.next()) is not None:
            message = await self._decoded(value)
            if self._watch is not None and is_empty(message):
                continue
            if not await stream.send(await self._admitted(message)):
                return
        self._note_end_of_input(True)
        if self._is_over():
            self.end(None)
        elif self._is_done():
            await stream.half_close()

    def _note_end_of_input(self, is_over: bool) -> None:
        self.input_over = is_over
        if self._watch is not None:
            self._watch.input_over = is_over

    async def _end_with_fault(self, error: Failure | HostError) -> None:
        """End for a fault in the input, once the requests before it have got their replies."""
        if self._stream is None or self._state is State.ENDED:
            self.end(error)
            return
        self._state, self._fault = State.FAULTY, _reported(error)
        patience = _REPLY_GRACE if self._is_awaited() else 0
        self.loop.call_later(patience, self.end, self._fault)
        if await self._has_disconnected():
            self.end(ClientDisconnected())

    async def _has_disconnected(self) -> bool:
        try:
            return await self._source.disconnected()
        except Exception:  # noqa: BLE001 - some middleware raises once the body has been read
            return False

    # ---- ends

    def _is_awaited(self) -> bool:
        """Check that etcd has not replied to all requests yet."""
        return self._unreplied > 0 if self._watch is None else self._watch.is_awaited

    def _is_done(self) -> bool:
        """Check that all requests are sent and have their replies, so that it is half-closed.

        Not before: etcd replies to the requests of a half-closed call, but its grpc-proxy ends such
        a call at once, and other proxies may take it for idle. A watch is never done: it goes on
        until it is cancelled.

        Source: etcd server/proxy/grpcproxy/watch.go and lease.go (recvLoop).
        """
        return self._watch is None and self.input_over and self._unreplied <= 0

    def _is_over(self) -> bool:
        """Check that nothing can come any more, though etcd would keep the call open."""
        if self._watch is None or not self._watch.is_over:
            return False
        if self._watch.is_progress_asked:
            self.loop.call_later(_PROGRESS_GRACE, self.end, None)
            return False
        return True

    async def _close(self, talker: asyncio.Task[None]) -> None:
        if self._stream is not None:
            self._stream.cancel()
        talker.cancel()
        await asyncio.wait({talker})
        if self._opened.done() and not self._opened.cancelled():
            self._opened.exception()  # seen, even if nobody waits for it any more


def _reported(error: Failure | HostError) -> UpstreamError:
    """Make the error reported for bad input once the call is open."""
    if isinstance(error, HostError):
        return UpstreamError(Code.UNKNOWN, str(error))
    return as_error(error, local=False)
