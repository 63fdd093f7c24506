"""JSON to messages, the common forms only, by plans made once for each message type.

The C scanner of the standard library reads the text; a plan fills the message. Whatever every
release of etcd's gateway takes alike is taken here; anything else is :class:`Irregular`, and the
exact reader decides what it means. So this file knows no dialect and no error text.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from json import JSONDecoder
from typing import Any, NoReturn

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from etcd_asgi import proto
from etcd_asgi.codec.kinds import INT32, INT64, is_repeated
from etcd_asgi.codec.text import MEMBER


class Irregular(ValueError):
    """The text is not in the common form. It may be right all the same."""


Pairs = tuple[tuple[str, Any], ...]
"""A JSON object as the scanner gives it; a list stays a list."""

Fill = Callable[[Any, Pairs, int], None]
"""Fill a message from an object, with so many levels of messages left."""

Put = Callable[[Any, Any, int], None]
"""Set one field of a message from a JSON value."""

Plan = Callable[[Descriptor], Fill]
"""From a message type to its :data:`Fill`."""

_LONG, _MANY = 64 * 1024, 20_000
"""A body of more bytes with more objects and lists than this is for the exact reader alone: that
one lets other threads run meanwhile, while the scanner of the standard library does not."""

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})").fullmatch
_UNSIGNED_INTEGER = re.compile(r"0|[1-9][0-9]{0,19}").fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """How bytes are read, in generated code and by itself."""

    irregular: str
    expression: str
    convert: Callable[[Any], bytes]


def _no_constant(name: str) -> NoReturn:
    raise Irregular(name)


# raw_decode without its wrapping
_scan = JSONDecoder(object_pairs_hook=tuple, parse_constant=_no_constant).scan_once  # type: ignore[attr-defined]


def decoder(
    descriptor: Descriptor,
    depth: int,
    otherwise: Callable[[bytes], Message],
    *,
    text: bool = False,
) -> Callable[[bytes], Message]:
    """The function from the first JSON value of a body to a message of *descriptor*'s type.

    Args:
        descriptor: the type.
        depth: levels of messages allowed.
        otherwise: reads the bodies that are :class:`Irregular`, which is being handled then.
        text: whether bytes are in text mode: see :mod:`etcd_asgi.codec.text`.
    """
    message_class = proto.message_class(descriptor)
    fill = (_text_plan if text else _plan)(descriptor)

    def decode(body: bytes) -> Message:
        try:
            if len(body) > _LONG and body.count(b"{") + body.count(b"[") > _MANY:
                raise Irregular("it would hold up all threads for as long as it takes")
            string = body.decode()
            if "\\u" in string:
                raise Irregular("the releases differ in which escapes they take, and where")
            pairs, _ = _scan(string, 0 if string[:1] == "{" else _blanks(string))
            if type(pairs) is not tuple:
                raise Irregular("not an object")
            message = message_class()
            fill(message, pairs, depth)
        except (ValueError, StopIteration, RecursionError):
            return otherwise(body)
        return message

    return decode


def _blanks(text: str) -> int:
    """How many characters of white space *text* begins with."""
    return len(text) - len(text.lstrip(" \t\r\n"))


@cache
def _plan(descriptor: Descriptor) -> Fill:
    """How to fill a message of *descriptor*'s type."""
    return _fill(descriptor, _BASE64, _plan)


@cache
def _text_plan(descriptor: Descriptor) -> Fill:
    """How to fill a message of *descriptor*'s type in text mode."""
    return _fill(descriptor, _TEXT, _text_plan)


def _fill(descriptor: Descriptor, read: Read, plan: Plan) -> Fill:
    """How to fill a message of *descriptor*'s type.

    The fields' bits find a field that is given twice, also under its other name; all members of a
    oneof share one more bit.
    """
    fields: dict[str, tuple[int, Put]] = {}
    get = fields.get

    def fill(message: Any, pairs: Pairs, depth: int) -> None:
        seen = 0
        for name, value in pairs:
            field = get(name)
            if field is None:
                continue
            bits, put = field
            if seen & bits:
                raise Irregular(name)
            seen |= bits
            if value is not None:
                put(message, value, depth)

    for field in descriptor.fields:
        bits = 1 << field.index
        if field.containing_oneof is not None:
            bits |= 1 << (len(descriptor.fields) + field.containing_oneof.index)
        fields[field.name] = fields[field.json_name] = (bits, _put(field, read, plan))
    return fill


def _put(field: FieldDescriptor, read: Read, plan: Plan) -> Put:
    name = field.name
    if field.message_type is not None:
        late = _late_plan(field.message_type, plan)
        return _put_messages(name, late) if is_repeated(field) else _put_message(name, late)
    if not is_repeated(field):
        return _put_scalar(field, read)
    convert = _conversion(field, read)

    def put_list(message: Any, value: Any, depth: int) -> None:  # noqa: ARG001 - a Put takes it
        if type(value) is not list:
            raise Irregular(name)
        getattr(message, name).extend([convert(item) for item in value])

    return put_list


_SCALARS = {
    FieldDescriptor.TYPE_STRING: ("type(value) is not str", "value"),
    FieldDescriptor.TYPE_BOOL: ("type(value) is not bool", "value"),
}
"""By field type, when the JSON value is irregular, and the expression for the field."""


def _put_scalar(field: FieldDescriptor, read: Read) -> Put:
    """Generated, as storing to a name is quicker than ``setattr`` and calls are dear."""
    irregular, expression = _SCALARS.get(field.type, ("", "convert(value)"))
    if field.type == FieldDescriptor.TYPE_BYTES:
        irregular, expression = read.irregular, read.expression
    scope: dict[str, Any] = {"a2b_base64": a2b_base64, "Irregular": Irregular}
    scope["convert"] = _conversion(field, read)
    lines = ["def put(message, value, depth):"]
    if irregular:
        lines += [f"    if {irregular}: raise Irregular"]
    lines += [f"    message.{field.name} = {expression}"]
    exec(compile("\n".join(lines), f"<put of {field.full_name}>", "exec"), scope)
    put: Put = scope["put"]
    return put


def _late_plan(descriptor: Descriptor, plan: Plan) -> Callable[[], Fill]:
    """The plan of a message type, made when first wanted: a type may contain itself."""
    return lambda: plan(descriptor)


def _put_message(name: str, plan: Callable[[], Fill]) -> Put:
    def put(message: Any, value: Any, depth: int) -> None:
        if type(value) is not tuple or depth <= 1:
            raise Irregular(name)
        inner = getattr(message, name)
        inner.SetInParent()
        plan()(inner, value, depth - 1)

    return put


def _put_messages(name: str, plan: Callable[[], Fill]) -> Put:
    def put(message: Any, value: Any, depth: int) -> None:
        if type(value) is not list or depth <= 1:
            raise Irregular(name)
        add, fill = getattr(message, name).add, plan()
        for item in value:
            if type(item) is not tuple:
                raise Irregular(name)
            fill(add(), item, depth - 1)

    return put


def _conversion(field: FieldDescriptor, read: Read) -> Callable[[Any], Any]:
    """From the JSON value of a scalar *field* to what its message takes."""
    if field.enum_type is not None:
        return _enum_conversion(field.enum_type)
    match field.type:
        case FieldDescriptor.TYPE_BYTES:
            return read.convert
        case FieldDescriptor.TYPE_STRING:
            return _string
        case FieldDescriptor.TYPE_BOOL:
            return _bool
        case FieldDescriptor.TYPE_UINT64 | FieldDescriptor.TYPE_UINT32:
            return _unsigned
    assert field.type in INT64 | INT32, f"no conversion for {field.full_name}"
    return _signed


def _bytes(value: Any) -> bytes:
    if type(value) is not str or len(value) & 3:
        raise Irregular
    return a2b_base64(value, strict_mode=True)


def _text(value: Any) -> bytes:
    """In text mode: a string, which the scanner found to be Unicode, or the object."""
    if type(value) is str:
        return value.encode()
    if type(value) is not tuple or len(value) != 1 or value[0][0] != MEMBER:
        raise Irregular
    return _bytes(value[0][1])


_BASE64 = Read(
    irregular="type(value) is not str or len(value) & 3",
    expression="a2b_base64(value, strict_mode=True)",
    convert=_bytes,
)
"""Strict mode overlooks surplus padding, thus the look at the length."""

_TEXT = Read(
    irregular="",
    expression="value.encode() if type(value) is str else convert(value)",
    convert=_text,
)


def _string(value: Any) -> str:
    if type(value) is not str:
        raise Irregular
    return value


def _bool(value: Any) -> bool:
    if type(value) is not bool:
        raise Irregular
    return value


def _signed(value: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is str and _INTEGER(value):
        return int(value)
    raise Irregular


def _unsigned(value: Any) -> int:
    if type(value) is int and value > 0:  # a zero may have been -0
        return value
    if type(value) is str and _UNSIGNED_INTEGER(value):
        return int(value)
    raise Irregular


def _enum_conversion(enum: EnumDescriptor) -> Callable[[Any], int]:
    numbers = {value.name: value.number for value in enum.values}

    def convert(value: Any) -> int:
        if type(value) is str and value in numbers:
            return numbers[value]
        if type(value) is int:
            return value
        raise Irregular

    return convert
