"""The exact decoder of the older dialect: golang/protobuf ``jsonpb``, as grpc-gateway 1.x uses it.

An object is first read as a map of raw values, so the last of duplicates counts and all of the
unknown is skipped; then the message's fields are looked up in the order of their definition, which
decides what error is found first and which member of a oneof stays.

**Source:** golang/protobuf jsonpb/decode.go (unmarshalMessage, unmarshalValue,
unmarshalSingularValue, trimQuote); Go encoding/json decode.go (literalStore, array, unquote);
grpc-gateway v1 runtime/marshal_jsonpb.go (unknown fields are allowed).
"""

from __future__ import annotations

import json
import re
from typing import NoReturn

from google.protobuf.message import Message

from etcd_asgi.codec.decode.go import base64, integers
from etcd_asgi.codec.decode.go.fields import Field, Fields, FieldsOf, Scalar
from etcd_asgi.codec.decode.go.json_syntax import Value, whole_value
from etcd_asgi.codec.decode.go.json_walk import Span, elements, members
from etcd_asgi.codec.decode.go.quote import quote
from etcd_asgi.codec.decode.go.trampoline import Reading, fill_messages, fill_scalars
from etcd_asgi.codec.text_mode import read as read_text
from etcd_asgi.errors import DecodeError

_MESSAGE = "map[string]json.RawMessage"
_LIST = "[]json.RawMessage"
_GO_TYPES = {"enum": "protoreflect.EnumNumber"}
_WORDS = {'"': "string", "{": "object", "[": "array", "t": "bool", "f": "bool"}
_read_string = json.JSONDecoder().raw_decode
_BROKEN = re.compile(r"[\ud800-\udfff]")
_FLAT = re.compile(r"\[[0-9, \t\n\r]*\]")


def read(value: Value, message: Message, fields_of: FieldsOf) -> Reading:
    """Fill *message*, which is empty, from *value*, with the fields that *fields_of* gives.

    Raises:
        DecodeError: while it runs.
    """
    return _message(value, message, (value.start, value.end), fields_of)


def _message(value: Value, message: Message, span: Span, fields_of: FieldsOf) -> Reading:
    if value.text[span[0]] == "n" or value.text.startswith("{}", span[0]):
        return
    if value.text[span[0]] != "{":
        _mismatch(value.text[span[0]], _MESSAGE)
    fields = fields_of(message.DESCRIPTOR)
    spans = _spans(value, span[0], fields)
    for field in fields.ordered:
        found = spans.get(field.json_name) or spans.get(field.name)
        if found and value.text[found[0]] != "n":
            if field.repeated and value.text[found[0]] != "[":
                _mismatch(value.text[found[0]], _LIST)
            if field.message:
                yield from fill_messages(_message, value, message, field, found, fields_of)
            else:
                fill_scalars(_scalar, value, message, field, found)


def _spans(value: Value, pos: int, fields: Fields) -> dict[str, Span]:
    """Find the values of the known members, by their names."""
    spans: dict[str, Span] = {}
    for name, span in members(value, pos):
        key = unquote(value.text[slice(*name)])
        if key in fields.by_name:
            spans[key] = span
    return spans


def _scalar(value: Value, field: Field, span: Span) -> Scalar:
    match field.kind:
        case "string":
            return _string(value, span)
        case "bytes":
            return _bytes(value, span)
        case "text":
            return read_text(value, field.name, span)
        case "bool":
            return _bool(value.text, span[0])
        case "enum":
            return _enum(value.text[slice(*span)], field)
        case kind:
            return _integer(value.text[slice(*span)], kind)


def _string(value: Value, span: Span) -> str:
    raw = value.text[slice(*span)]
    if raw[0] == "n":
        return ""
    if raw[0] != '"':
        _mismatch(raw[0], "string")
    return unquote(raw)


def _bytes(value: Value, span: Span) -> bytes:
    raw = value.text[slice(*span)]
    if raw[0] == "n":
        return b""
    if raw[0] == "[":
        return _bytes_of_numbers(value, span, raw)
    if raw[0] != '"':
        _mismatch(raw[0], "[]uint8")
    try:
        return base64.decode(unquote(raw).encode())
    except base64.CorruptInputError as error:
        raise DecodeError(str(error)) from None


def _bytes_of_numbers(value: Value, span: Span, raw: str) -> bytes:
    if _FLAT.fullmatch(raw) and raw[1:-1].strip():
        try:
            return bytes(map(int, raw[1:-1].split(",")))
        except ValueError:
            pass  # too great a number: one by one, the error names it
    return bytes(_number(value.text[slice(*one)], "uint8") for one in elements(value, span[0]))


def _bool(text: str, pos: int) -> bool:
    if text[pos] not in "tfn":
        _mismatch(text[pos], "bool")
    return text[pos] == "t"


def _enum(raw: str, field: Field) -> int:
    if raw[0] != '"':
        return _number(raw, "enum")
    number = field.numbers.get(raw[1:-1])
    if number is None:
        raise DecodeError(f"unknown value {quote(raw)} for enum {field.enum}")
    return number


def _integer(raw: str, kind: str) -> int:
    """Read a number, or the text between quotes as if it stood there without them."""
    if raw[0] != '"':
        return _number(raw, kind)
    inner = whole_value(raw[1:-1])
    return _number(inner.text[inner.start : inner.end], kind)


def _number(raw: str, kind: str) -> int:
    if raw[0] == "n":
        return 0
    go_type = _GO_TYPES.get(kind, kind)
    if raw[0] in _WORDS:
        _mismatch(raw[0], go_type)
    number = integers.plain(raw, kind)
    if number is None:
        raise _not_a_number(raw, go_type)
    return number


def unquote(raw: str) -> str:
    """Read the text of a string literal; what is no Unicode becomes U+FFFD, as in Go."""
    text = _read_string(raw)[0] if "\\" in raw else raw[1:-1]
    return _BROKEN.sub("\ufffd", text)


def _mismatch(first: str, go_type: str) -> NoReturn:
    word = _WORDS.get(first, "number")
    raise DecodeError(f"json: cannot unmarshal {word} into Go value of type {go_type}")


def _not_a_number(raw: str, go_type: str) -> DecodeError:
    return DecodeError(f"json: cannot unmarshal number {raw} into Go value of type {go_type}")
