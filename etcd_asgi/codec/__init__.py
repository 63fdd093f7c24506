"""proto3 JSON as etcd's gateway reads and writes it; pure functions over descriptors.

Decoding tries the fast decoder and turns to the exact one for every form that the releases
of etcd treat differently or refuse. Encoding is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from etcd_asgi.codec.decode import fast
from etcd_asgi.codec.decode.go import decoder as go_decoder
from etcd_asgi.codec.decode.go import json_syntax
from etcd_asgi.codec.dialect import Dialect
from etcd_asgi.codec.encode import nested, slices
from etcd_asgi.codec.encode.bytes_format import BASE64
from etcd_asgi.codec.encode.slices import Change, with_header
from etcd_asgi.codec.encode.spans import Unusual
from etcd_asgi.codec.encode.writer import compact
from etcd_asgi.codec.encode.writer import encoder as encoder_of
from etcd_asgi.codec.text_mode import TEXT
from etcd_asgi.errors import DecodeError

_BLANKS = b" \t\r\n"

__all__ = [
    "Change",
    "Dialect",
    "Unusual",
    "check_begun",
    "compact",
    "decoder",
    "deep_encoder",
    "encoder",
    "serializer",
    "sliced",
    "with_header",
]


def check_begun(text: bytes) -> None:
    """Check whether *text* can still become a JSON value when more of it comes.

    Raises:
        DecodeError: it cannot: the text of the first fault, as a :func:`decoder` reports it.
    """
    try:
        json_syntax.first_value(text.decode("utf-8", "surrogateescape"))
    except DecodeError as error:
        if str(error) != json_syntax.UNEXPECTED_EOF:
            raise


@cache
def decoder(
    descriptor: Descriptor,
    dialect: Dialect,
    *,
    max_depth: int,
    text: bool = False,
    blank: bool = True,
) -> Callable[[bytes], Message]:
    """Make the function from the JSON of one kind of body to its message.

    Args:
        descriptor: the type of the message.
        dialect: whose rules decide where the releases differ.
        max_depth: levels of messages that may be nested, the outermost included.
        text: whether bytes are text, as :mod:`etcd_asgi.codec.text_mode` has it, instead of base64.
        blank: whether nothing but blanks is an empty message; if not, it is an error.

    Returns:
        A function to keep for many bodies. It takes UTF-8 text, and raises a
        :class:`~etcd_asgi.errors.DecodeError`, which says what was given and expected.
    """
    exact = _exact_decoder(descriptor, dialect, max_depth=max_depth, text=text, blank=blank)
    return fast.decoder(descriptor, max_depth, exact, text=text)


@cache
def serializer(
    descriptor: Descriptor,
    dialect: Dialect,
    *,
    max_depth: int,
    text: bool = False,
    blank: bool = True,
) -> Callable[[bytes], bytes]:
    """Make the function from the JSON of one kind of body to the serialized message."""
    exact = _exact_decoder(descriptor, dialect, max_depth=max_depth, text=text, blank=blank)
    return fast.serializer(
        descriptor, max_depth, lambda body: exact(body).SerializeToString(), text=text
    )


def _exact_decoder(
    descriptor: Descriptor, dialect: Dialect, *, max_depth: int, text: bool, blank: bool
) -> Callable[[bytes], Message]:
    """Make the decoder of bodies that are not in the common form."""

    def decode_body(body: bytes) -> Message:
        if not (blank or body.strip(_BLANKS)):
            raise DecodeError("EOF")
        return go_decoder.decode(descriptor, body, dialect, max_depth=max_depth, text=text)

    return decode_body


def encoder(descriptor: Descriptor, *, text: bool = False) -> Callable[[Message], bytes]:
    """Make the function from a message of *descriptor*'s type to its JSON.

    Args:
        descriptor: the type.
        text: whether bytes are text, as :mod:`etcd_asgi.codec.text_mode` has it, instead of base64.
    """
    return encoder_of(descriptor, TEXT if text else BASE64)


def deep_encoder(descriptor: Descriptor, *, text: bool = False) -> Callable[[bytes], bytes]:
    """Make an :func:`encoder` of serialized messages too deep for protobuf's parser."""
    form = TEXT if text else BASE64
    return lambda data: compact(nested.encode(descriptor, data, form))


def sliced(
    descriptor: Descriptor, reply: bytes, *, text: bool = False, change: Change | None = None
) -> Iterator[bytes]:
    """Convert a large serialized reply to JSON, slice by slice.

    The slices together are what :func:`encoder` makes of the parsed reply, once *change* has been
    applied to it; in between hardly more memory is used than the slices take.

    Args:
        descriptor: the type of the reply.
        reply: the serialized message.
        text: whether bytes are text, as :mod:`etcd_asgi.codec.text_mode` has it, instead of base64.
        change: applied to parts of the reply, each within an otherwise empty message.

    Raises:
        Unusual: while iterating: the reply must be converted as a whole.
    """
    return slices.convert(descriptor, reply, TEXT if text else BASE64, change)
