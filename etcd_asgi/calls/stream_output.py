"""The messages of a streaming call on their way to the client."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import Protocol

from google.protobuf.message import Message

from etcd_asgi.calls.call import Call
from etcd_asgi.calls.exchange import hold_for
from etcd_asgi.calls.offload import in_thread
from etcd_asgi.calls.response_budget import Hold
from etcd_asgi.calls.stalled_client import LEAST_RATE, stalled


class Output(Protocol):
    """The response to the client, in some wire form."""

    async def convert(self, message: Message) -> bytes | None:
        """Convert a message of etcd's; ``None`` for one that is not for the client."""
        ...

    async def add(self, chunk: bytes) -> None:
        """Send a converted message.

        Raises:
            ClientDisconnected: the server says that nobody is there to read it.
        """
        ...


class Delivery:
    """Delivery of one call's messages, one after the other: parsed, converted and sent.

    A large one is converted in threads, once there is room for it in the budget, of which it has a
    part until the client has taken it. It is parsed and written as a whole, since it must become
    one line, SSE event or WebSocket message.
    """

    __slots__ = ("_call", "_hold", "_output")

    def __init__(self, call: Call, output: Output) -> None:
        self._call = call
        self._output = output
        self._hold: Hold | None = None
        """The budget's part of the large message under way."""

    async def parse(self, reply: bytes) -> Message:
        """Parse a serialized message.

        Raises:
            UpstreamError: it is longer than the limit.
        """
        parse = self._call.transcoder.parse
        if len(reply) < self._call.limits.offload_bytes:
            return parse(reply)
        self._hold = await hold_for(self._call, reply, None)
        return await in_thread(parse, reply)

    async def send(self, message: Message) -> None:
        """Let the guard change a parsed message, and send it.

        Raises:
            ClientDisconnected: the server says that nobody is there to read it.
            ClientStalled: the client takes too long for a large one.
        """
        guard, hold = self._call.guard, self._hold
        if hold is not None:
            with closing(hold):
                await self._send_large(message, hold)
            self._hold = None
            return
        if guard is not None:
            guard.release(message)
        chunk = await self._output.convert(message)
        if chunk is not None:
            await self._output.add(chunk)

    def drop(self) -> None:
        """Give back the budget's part of a message that is not sent."""
        if self._hold is not None:
            self._hold.close()
            self._hold = None

    async def _send_large(self, message: Message, hold: Hold) -> None:
        if self._call.guard is not None:
            await in_thread(self._call.guard.release, message)
        chunk = await self._output.convert(message)
        if chunk is None:
            return
        del message
        hold.resize(len(chunk))
        longest = self._call.limits.send_timeout + len(chunk) / LEAST_RATE
        try:
            async with asyncio.timeout(longest):
                await self._output.add(chunk)
        except TimeoutError:
            raise stalled(longest) from None


async def write(call: Call, message: Message) -> bytes:
    """Convert a reply of a stream to its JSON; a large one in a thread."""
    if message.ByteSize() < call.limits.offload_bytes:
        return call.transcoder.write(message)
    return await in_thread(call.transcoder.write, message)
