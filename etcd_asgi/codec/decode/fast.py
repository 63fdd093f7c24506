"""The fast decoder: JSON in the common forms to serialized messages, by a plan for each type.

The C scanner of the standard library reads the text; a plan writes the wire form straight from what
it found, with no message in between. Whatever every release of etcd's gateway takes alike is taken
here; anything else is :class:`Irregular`, and the exact decoder decides what it means. So this file
knows no dialect and no error text.
"""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Callable
from functools import cache
from json import JSONDecoder
from typing import Any, NoReturn, TypeVar

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError as ParseError
from google.protobuf.message import Message

from etcd_asgi.codec import wire
from etcd_asgi.codec.decode import scalars
from etcd_asgi.codec.decode.scalars import Convert, Irregular
from etcd_asgi.codec.descriptors import is_repeated
from etcd_asgi.etcd import proto

T = TypeVar("T")

Pairs = tuple[tuple[str, Any], ...]
"""A JSON object as the scanner gives it; a list stays a list."""

Write = Callable[[Pairs, int], bytes]
"""From an object to the serialized message, with so many levels of messages remaining."""

Put = Callable[[Any, int], bytes]
"""From a JSON value to one field of a serialized message, with its tag."""

Plan = Callable[[Descriptor], Write]
"""From a message type to its :data:`Write`."""

_LONG, _MANY = 64 * 1024, 20_000
"""A body of more bytes with more objects and lists than this is for the exact decoder alone: that
one lets other threads run meanwhile, while the scanner of the standard library does not."""


def decoder(
    descriptor: Descriptor, depth: int, otherwise: Callable[[bytes], Message], *, text: bool = False
) -> Callable[[bytes], Message]:
    """Make the function from the first JSON value of a body to a message.

    Args:
        descriptor: see :func:`serializer`.
        depth: see :func:`serializer`.
        otherwise: see :func:`serializer`; it takes what is too deep for protobuf's parser, too.
        text: see :func:`serializer`.
    """
    serialize = serializer(descriptor, depth, otherwise, text=text)
    parse = proto.message_class(descriptor).FromString

    def decode(body: bytes) -> Message:
        result = serialize(body)
        if not isinstance(result, bytes):
            return result
        try:
            return parse(result)
        except ParseError:
            return otherwise(body)

    return decode


def _refuse_constant(name: str) -> NoReturn:
    raise Irregular(name)


# raw_decode without its wrapping
_scan = JSONDecoder(object_pairs_hook=tuple, parse_constant=_refuse_constant).scan_once  # type: ignore[attr-defined]


def serializer(
    descriptor: Descriptor, depth: int, otherwise: Callable[[bytes], T], *, text: bool = False
) -> Callable[[bytes], bytes | T]:
    """Make the function from the first JSON value of a body to a serialized message.

    Args:
        descriptor: the type of the message.
        depth: levels of messages allowed.
        otherwise: decodes the bodies that are :class:`Irregular`; its result is the function's
            result for them, and its errors are the function's.
        text: whether bytes are in text mode: see :mod:`etcd_asgi.codec.text_mode`.
    """
    write = (_text_plan if text else _plan)(descriptor)

    def serialize(body: bytes) -> bytes | T:
        try:
            if len(body) > _LONG and body.count(b"{") + body.count(b"[") > _MANY:
                raise Irregular("it would hold up all threads for as long as it takes")
            string = body.decode()
            if "\\u" in string:
                raise Irregular("the releases differ in which escapes they take, and where")
            pairs, _ = _scan(string, 0 if string[:1] == "{" else _blanks(string))
            if type(pairs) is not tuple:
                raise Irregular("not an object")
            return write(pairs, depth)
        except (ValueError, StopIteration, RecursionError):
            return otherwise(body)

    return serialize


def _blanks(string: str) -> int:
    """Count the characters of white space that *string* begins with."""
    return len(string) - len(string.lstrip(" \t\r\n"))


@cache
def _plan(descriptor: Descriptor) -> Write:
    """Make the plan for messages of *descriptor*'s type, bytes as base64."""
    return _write(descriptor, _put_base64, _plan)


@cache
def _text_plan(descriptor: Descriptor) -> Write:
    """Make the plan for messages of *descriptor*'s type, bytes in text mode."""
    return _write(descriptor, _put_text, _text_plan)


def _write(
    descriptor: Descriptor, put_bytes: Callable[[FieldDescriptor], Put], plan: Plan
) -> Write:
    """Make the function that writes a message of *descriptor*'s type.

    The fields' bits find a field that is given twice, also under its other name; all members of a
    oneof share one more bit.
    """
    fields: dict[str, tuple[int, Put]] = {}
    get = fields.get

    def write(pairs: Pairs, depth: int) -> bytes:
        seen, written = 0, b""
        for name, value in pairs:
            field = get(name)
            if field is None:
                continue
            bits, put = field
            if seen & bits:
                raise Irregular(name)
            seen |= bits
            if value is not None:
                written += put(value, depth)
        return written

    for field in descriptor.fields:
        bits = 1 << field.index
        if field.containing_oneof is not None:
            bits |= 1 << (len(descriptor.fields) + field.containing_oneof.index)
        fields[field.name] = fields[field.json_name] = (bits, _put(field, put_bytes, plan))
    return write


def _put(field: FieldDescriptor, put_bytes: Callable[[FieldDescriptor], Put], plan: Plan) -> Put:
    if field.message_type is not None:
        lazy = _lazy_plan(field.message_type, plan)
        return _put_messages(field, lazy) if is_repeated(field) else _put_message(field, lazy)
    if field.type == FieldDescriptor.TYPE_BYTES:
        put = put_bytes(field)
    elif field.type == FieldDescriptor.TYPE_STRING:
        put = _put_delimited(field, scalars.string)
    else:
        put = _put_integer(field, scalars.integer(field))
    return _put_each(put) if is_repeated(field) else put


def _put_base64(field: FieldDescriptor) -> Put:
    """Put base64, converted right here: nearly every request has such a field."""
    tag, has_default = wire.tag(field.number, wire.DELIMITED), _has_default(field)

    def put(value: Any, depth: int) -> bytes:  # noqa: ARG001 - a Put takes it
        if type(value) is not str or len(value) & 3:  # strict mode overlooks surplus padding
            raise Irregular
        content = a2b_base64(value, strict_mode=True)
        size = len(content)
        if not size and has_default:
            return b""
        return tag + (wire.ONE_BYTE[size] if size < wire.MORE else wire.varint(size)) + content

    return put


def _put_text(field: FieldDescriptor) -> Put:
    return _put_delimited(field, scalars.text)


def _put_delimited(field: FieldDescriptor, convert: Convert) -> Put:
    tag, has_default = wire.tag(field.number, wire.DELIMITED), _has_default(field)

    def put(value: Any, depth: int) -> bytes:  # noqa: ARG001 - a Put takes it
        content = convert(value)
        return b"" if not content and has_default else tag + wire.varint(len(content)) + content

    return put


def _put_integer(field: FieldDescriptor, convert: Convert) -> Put:
    tag, has_default = wire.tag(field.number, wire.VARINT), _has_default(field)

    def put(value: Any, depth: int) -> bytes:  # noqa: ARG001 - a Put takes it
        number = convert(value)
        return b"" if not number and has_default else tag + wire.varint(number)

    return put


def _put_each(put: Put) -> Put:
    """Put a list of scalars, each with its tag: parsers take numbers that are not packed, too."""

    def put_list(value: Any, depth: int) -> bytes:
        if type(value) is not list:
            raise Irregular
        return b"".join([put(item, depth) for item in value])

    return put_list


def _lazy_plan(descriptor: Descriptor, plan: Plan) -> Callable[[], Write]:
    """Make the plan of a message type when first wanted: a type may contain itself."""
    return lambda: plan(descriptor)


def _put_message(field: FieldDescriptor, plan: Callable[[], Write]) -> Put:
    tag = wire.tag(field.number, wire.DELIMITED)

    def put(value: Any, depth: int) -> bytes:
        if type(value) is not tuple or depth <= 1:
            raise Irregular
        content = plan()(value, depth - 1)
        return tag + wire.varint(len(content)) + content

    return put


def _put_messages(field: FieldDescriptor, plan: Callable[[], Write]) -> Put:
    tag = wire.tag(field.number, wire.DELIMITED)

    def put(value: Any, depth: int) -> bytes:
        if type(value) is not list or depth <= 1:
            raise Irregular
        write = plan()
        parts: list[bytes] = []
        for item in value:
            if type(item) is not tuple:
                raise Irregular
            content = write(item, depth - 1)
            parts += tag, wire.varint(len(content)), content
        return b"".join(parts)

    return put


def _has_default(field: FieldDescriptor) -> bool:
    """Check whether the default of *field* is written as nothing, for which it stands.

    A member of a oneof and an element of a list are there whatever they hold.
    """
    return field.containing_oneof is None and not is_repeated(field)
