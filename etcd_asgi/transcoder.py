"""One RPC carried across: JSON in, the call to etcd, JSON out."""

from __future__ import annotations

import asyncio
from functools import cached_property

from google.protobuf.message import DecodeError as ParseError

from etcd_asgi import codec, proto
from etcd_asgi.bindings import Binding
from etcd_asgi.codec import deep
from etcd_asgi.codec.encode import Encode
from etcd_asgi.errors import DecodeError
from etcd_asgi.flavours import Flavour
from etcd_asgi.metadata import Metadata
from etcd_asgi.settings import Limits
from etcd_asgi.upstream import Upstream


class Transcoder:
    """Carries the calls of one binding, as one flavour reads JSON."""

    def __init__(
        self, binding: Binding, flavour: Flavour, limits: Limits, upstream: Upstream
    ) -> None:
        self.binding = binding
        self.flavour = flavour
        self._limits = limits
        self._upstream = upstream
        self._parse = proto.message_class(binding.response).FromString

    async def unary(self, body: bytes, metadata: Metadata, timeout: float | None) -> bytes:
        """Carry one message there and one back.

        Returns:
            The answer's JSON.

        Raises:
            DecodeError: the first JSON value of *body* is not the message that the RPC takes.
            UpstreamError: the call ended with a status other than OK.
        """
        large = self._limits.offload_bytes
        request = self.decode(body) if len(body) < large else await in_thread(self.decode, body)
        answer = await self._upstream.unary(self.binding.rpc, request, metadata, timeout)
        if len(answer) < large:
            return self.encode(answer)
        return await in_thread(self.encode, answer)

    def decode(self, body: bytes) -> bytes:
        """The serialized message in the first JSON value of *body*.

        Raises:
            DecodeError: see :func:`etcd_asgi.codec.decode`.
        """
        if not (self.flavour.empty_body or body.strip()):
            raise DecodeError("EOF")
        message = codec.decode(
            self.binding.request,
            body,
            self.flavour.dialect,
            max_depth=self._limits.max_message_depth,
        )
        return message.SerializeToString()

    def encode(self, answer: bytes) -> bytes:
        """The JSON of a serialized answer."""
        try:
            message = self._parse(answer)
        except ParseError:
            return codec.compact(deep.encode(self.binding.response, answer))
        return codec.compact(self._encode(message))

    @cached_property
    def _encode(self) -> Encode:
        return codec.encoder(self.binding.response)


in_thread = asyncio.to_thread
