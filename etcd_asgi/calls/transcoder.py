"""The JSON of one RPC's messages, as one release of etcd reads and writes it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

from google.protobuf.message import Message

from etcd_asgi import codec
from etcd_asgi.calls.bindings import Binding
from etcd_asgi.codec.modes import DEFAULT, Modes
from etcd_asgi.etcd import proto
from etcd_asgi.flavours import Flavour
from etcd_asgi.settings import Limits

T = TypeVar("T")

_MAX_GUARDED_DEPTH = 90
"""Levels of messages in a guarded request, so that protobuf can parse its reply: one that the guard
cannot look into cannot be sent on."""


class Transcoder:
    """The codec of one RPC's requests and replies. Its functions are made when first used."""

    def __init__(
        self, binding: Binding, flavour: Flavour, limits: Limits, modes: Modes = DEFAULT
    ) -> None:
        self._binding = binding
        self._flavour = flavour
        self._limits = limits
        self.modes = modes
        self.content_type = (b"content-type", modes.content_type)
        """Header of responses in the byte modes."""

    @cached_property
    def decode(self) -> Callable[[bytes], bytes]:
        """Convert the first JSON value of a body to the serialized request.

        Raises:
            DecodeError: see :func:`etcd_asgi.codec.decoder`.
        """
        return self._reader(codec.serializer, self._limits.max_message_depth)

    @cached_property
    def decode_message(self) -> Callable[[bytes], Message]:
        """Convert a JSON value to the request message: see :func:`etcd_asgi.codec.decoder`."""
        return self._reader(codec.decoder, self._limits.max_message_depth)

    @cached_property
    def decode_guarded(self) -> Callable[[bytes], Message]:
        """Convert a JSON value to the message of a guarded call, whose reply must be parsed."""
        depth = min(self._limits.max_message_depth, _MAX_GUARDED_DEPTH)
        return self._reader(codec.decoder, depth)

    @cached_property
    def serialize(self) -> Callable[[Message], bytes]:
        """Serialize a request message."""
        # Of the class: to find a method costs more on a message than on its class.
        return proto.message_class(self._binding.request).SerializeToString

    @cached_property
    def parse(self) -> Callable[[bytes], Message]:
        """Parse a serialized reply."""
        return proto.message_class(self._binding.response).FromString

    @cached_property
    def write(self) -> Callable[[Message], bytes]:
        """Convert a reply message to its JSON."""
        return codec.encoder(self._binding.response, text=self.modes.response)

    @cached_property
    def write_deep(self) -> Callable[[bytes], bytes]:
        """Convert a serialized reply to its JSON that is too deep for protobuf's parser."""
        return codec.deep_encoder(self._binding.response, text=self.modes.response)

    def _reader(self, kind: Callable[..., T], max_depth: int) -> T:
        one, text = self._flavour, self.modes.body
        request, blank = self._binding.request, one.empty_body
        return kind(request, one.dialect, max_depth=max_depth, text=text, blank=blank)
