"""One RPC carried across: JSON in, the call to etcd, JSON out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import product
from typing import TypeVar

from google.protobuf.message import DecodeError as ParseError
from google.protobuf.message import Message

from etcd_asgi import codec
from etcd_asgi.calls.bindings import Binding
from etcd_asgi.calls.bounds import BoundedCalls, Bounds
from etcd_asgi.calls.large_response import Reply, convert
from etcd_asgi.calls.response_budget import Hold
from etcd_asgi.codec.modes import DEFAULT, Modes
from etcd_asgi.etcd import proto
from etcd_asgi.flavours import Flavour
from etcd_asgi.metadata import Metadata
from etcd_asgi.settings import Limits
from etcd_asgi.upstream import Upstream, UpstreamStream

T = TypeVar("T")

_MAX_GUARDED_DEPTH = 90
"""Levels of messages in a guarded request, so that its answer's fit what protobuf parses: an answer
that cannot be looked into cannot be let out."""


class Transcoder:
    """Carries the calls of one binding, as one flavour reads JSON."""

    def __init__(
        self,
        binding: Binding,
        flavour: Flavour,
        limits: Limits,
        upstream: Upstream,
        bounds: Bounds,
        modes: Modes = DEFAULT,
    ) -> None:
        self.binding = binding
        self.flavour = flavour
        self.limits = limits
        self.modes = modes
        self.content_type = (b"content-type", modes.content_type)
        """The header of answers that tells their form."""

        self.small_body_bytes = min(limits.offload_body_bytes - 1, limits.max_body_bytes)
        """Longest body that is allowed, and converted without a thread."""

        self.upstream = upstream
        """Where the calls go."""

        self.bounds = bounds
        self.calls = BoundedCalls(binding, upstream, limits, bounds)

    def in_modes(self, modes: Modes) -> Transcoder:
        """The same with bytes as *modes* has them."""
        return self._in_modes[modes]

    async def unary(self, body: bytes, metadata: Metadata, timeout: float | None) -> bytes | Reply:
        """Carry one message there and one back.

        Returns:
            The response's JSON. If it is large it is in pieces, and to be closed.

        Raises:
            DecodeError: the first JSON value of *body* is not the message that the RPC takes.
            UpstreamError: the call ended with a status other than OK.
        """
        decode = self.decode
        is_small = len(body) < self.limits.offload_body_bytes
        request = decode(body) if is_small else await in_thread(decode, body)
        reply, hold = await self.calls.ask(request, metadata, timeout)
        if hold is None:
            return self.encode(reply)
        return await self.in_slices(reply, hold, self.encode)

    async def in_slices(
        self,
        reply: bytes,
        hold: Hold,
        whole: Callable[[bytes], bytes],
        change: codec.Change | None = None,
    ) -> Reply:
        """Convert a large reply in a thread.

        Args:
            reply: etcd's, serialized.
            hold: what it has of the budget.
            whole: converts it at once, where it cannot be converted in slices.
            change: see :func:`etcd_asgi.codec.sliced`.
        """
        one, text = self.binding.response, self.modes.answer
        pieces = codec.sliced(one, reply, text=text, change=change)
        return await convert(pieces, lambda: whole(reply), hold)

    def server_stream(
        self, request: bytes, metadata: Metadata, timeout: float | None
    ) -> UpstreamStream:
        """Start a call with one serialized message up and many down."""
        return self.upstream.server_stream(self.binding.rpc, request, metadata, timeout)

    def bidi(self, metadata: Metadata, timeout: float | None) -> UpstreamStream:
        """Start a call with many serialized messages each way."""
        return self.upstream.bidi(self.binding.rpc, metadata, timeout)

    async def enter(self, message: Message) -> None:
        """Let a request message of a stream pass; here, any."""

    def leave(self, message: Message) -> None:
        """Let an answer of a stream pass; here, as it is."""

    def close(self) -> None:
        """The request has been answered."""

    @cached_property
    def decode(self) -> Callable[[bytes], bytes]:
        """From the first JSON value of a body to the serialized message.

        Raises:
            DecodeError: see :func:`etcd_asgi.codec.decoder`.
        """
        return self._reader(codec.serializer, self.limits.max_message_depth)

    async def decode_value(self, value: bytes) -> Message:
        """The message in a JSON value of a stream; a large one is converted in a thread."""
        if len(value) < self.limits.offload_body_bytes:
            return self.decode_message(value)
        return await in_thread(self.decode_message, value)

    @cached_property
    def decode_message(self) -> Callable[[bytes], Message]:
        """From a JSON value to the message: see :func:`etcd_asgi.codec.decoder`."""
        return self._reader(codec.decoder, self.limits.max_message_depth)

    @cached_property
    def decode_guarded(self) -> Callable[[bytes], Message]:
        """The same for requests whose answers must be looked into, so that they can be parsed."""
        depth = min(self.limits.max_message_depth, _MAX_GUARDED_DEPTH)
        return self._reader(codec.decoder, depth)

    def _reader(self, kind: Callable[..., T], max_depth: int) -> T:
        one, text = self.flavour, self.modes.body
        request, blank = self.binding.request, one.empty_body
        return kind(request, one.dialect, max_depth=max_depth, text=text, blank=blank)

    @cached_property
    def encode(self) -> Callable[[bytes], bytes]:
        """From a serialized answer to its JSON."""
        parse, write = self.parse, self._encode
        deep = codec.deep_encoder(self.binding.response, text=self.modes.answer)

        def encode(answer: bytes) -> bytes:
            try:
                message = parse(answer)
            except ParseError:
                return deep(answer)
            return write(message)

        return encode

    async def encode_message(self, message: Message) -> bytes:
        """The JSON of an answer of a stream; a large one is converted in a thread."""
        if message.ByteSize() < self.limits.offload_bytes:
            return self._encode(message)
        return await in_thread(self._encode, message)

    @cached_property
    def parse(self) -> Callable[[bytes], Message]:
        """From a serialized answer to the message."""
        return proto.message_class(self.binding.response).FromString

    @cached_property
    def _serialize(self) -> Callable[[Message], bytes]:
        # Of the class: to find a method costs more on a message than on its class.
        return proto.message_class(self.binding.request).SerializeToString

    @cached_property
    def _encode(self) -> Callable[[Message], bytes]:
        return codec.encoder(self.binding.response, text=self.modes.answer)

    @cached_property
    def _in_modes(self) -> Mapping[Modes, Transcoder]:
        return {
            modes: Transcoder(
                self.binding, self.flavour, self.limits, self.upstream, self.bounds, modes
            )
            for modes in (Modes(*ways) for ways in product((False, True), repeat=2))
        }


in_thread = asyncio.to_thread
