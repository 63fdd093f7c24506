"""The exact decoder of the newer dialect: protobuf-go ``protojson``, as grpc-gateway 2.x uses it.

Everything is read in the order of the document, and errors say where: line and column count from
the begin of the value, columns in characters.

**Source:** protobuf-go encoding/protojson decode.go, well_known_types.go (skipJSONValue),
internal/encoding/json decode.go and decode_string.go; etcd 3.6 server/embed/serve.go
(registerGateway: DiscardUnknown). protojson prints either a space or U+00A0 after ``proto:``, fixed
per build; here it is the space.
"""

from __future__ import annotations

import json
import re
from typing import NoReturn

from google.protobuf.message import Message

from etcd_asgi.codec.decode.go import base64, integers
from etcd_asgi.codec.decode.go.fields import TEXT, Field, FieldsOf, Scalar
from etcd_asgi.codec.decode.go.json_syntax import Value
from etcd_asgi.codec.decode.go.json_walk import Span, members, strings
from etcd_asgi.codec.decode.go.quote import quote
from etcd_asgi.codec.decode.go.trampoline import Reading, fill_messages, fill_scalars
from etcd_asgi.codec.text_mode import read as read_text
from etcd_asgi.errors import DecodeError

_read_string = json.JSONDecoder().raw_decode
_SUSPECT = re.compile(r"[\ud800-\udfff]|\\u[dD][89a-fA-F]")
_SOUND = re.compile(
    r"(?:[^\\\"\ud800-\udfff]+"
    r"|\\[^u]"
    r"|\\u[0-9a-ce-fA-CE-F][0-9a-fA-F]{3}"
    r"|\\u[dD][0-7][0-9a-fA-F]{2}"
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}){0,1000}"
)
_GO_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_FROM_URL_SAFE = bytes.maketrans(b"-_+/", b"+/!!")


def read(value: Value, message: Message, fields_of: FieldsOf) -> Reading:
    """Fill *message*, which is empty, from *value*, with the fields that *fields_of* gives.

    Raises:
        DecodeError: while it runs.
    """
    return _message(value, message, (value.start, value.end), fields_of)


def _message(value: Value, message: Message, span: Span, fields_of: FieldsOf) -> Reading:
    if value.text.startswith("{}", span[0]):
        return
    if value.text[span[0]] != "{":
        _unexpected(value, span)
    by_name = fields_of(message.DESCRIPTOR).by_name
    seen: set[str] = set()
    for name, inner in members(value, span[0]):
        field = by_name.get(_string(value, name))
        if field is None:
            _skip(value, inner)
            continue
        if field.name in seen:
            _fail(value, name[0], f"duplicate field {value.text[slice(*name)]}")
        seen.add(field.name)
        if value.text[inner[0]] == "n":
            continue
        if field.oneof in seen:
            raw = value.text[slice(*name)]
            _fail(value, name[0], f"error parsing {raw}, oneof {field.oneof} is already set")
        if field.oneof:
            seen.add(field.oneof)
        _check_list(value, field, inner)
        if field.message:
            yield from fill_messages(_message, value, message, field, inner, fields_of)
        else:
            fill_scalars(_scalar, value, message, field, inner)


def _check_list(value: Value, field: Field, span: Span) -> None:
    if field.repeated and value.text[span[0]] != "[":
        _unexpected(value, span)


def _scalar(value: Value, field: Field, span: Span) -> Scalar | None:
    """Read the value of a field that is no message; None for an unknown name of an enum."""
    if field.kind == TEXT:
        return read_text(value, field.name, span)
    raw, string = value.text[slice(*span)], None
    if raw[0] == '"':
        string = _string(value, span)
        if field.kind == "enum":
            return field.numbers.get(string)
    result = _of_string(string, field.kind) if string is not None else _of_bare(raw, field.kind)
    if result is None:
        token = raw[0] if raw[0] in "{[" else raw
        _fail(value, span[0], f"invalid value for {field.kind} field {field.json_name}: {token}")
    return result


def _of_string(text: str, kind: str) -> Scalar | None:
    if kind == "string":
        return text
    if kind == "bytes":
        return _bytes(text)
    if kind not in integers.RANGES or text != text.strip(_GO_SPACE):
        return None
    return integers.integral(text, kind)


def _of_bare(raw: str, kind: str) -> Scalar | None:
    if kind == "bool":
        return {"true": True, "false": False}.get(raw)
    return integers.integral(raw, kind) if kind in integers.RANGES else None


def _bytes(text: str) -> bytes | None:
    source = text.encode()
    padded = len(source) % 4 == 0
    if "-" in text or "_" in text:
        source = source.translate(_FROM_URL_SAFE)
    try:
        return base64.decode(source, padded=padded)
    except base64.CorruptInputError:
        return None


def _string(value: Value, span: Span) -> str:
    """Read the text of a string.

    Raises:
        DecodeError: it has bytes that are not UTF-8, or half of a surrogate pair.
    """
    raw = value.text[slice(*span)]
    if _SUSPECT.search(raw):
        _check(value, span)
    return _read_string(raw)[0] if "\\" in raw else raw[1:-1]


def _skip(value: Value, span: Span) -> None:
    """Pass over the value of an unknown member, of which only the strings are checked."""
    if _SUSPECT.search(value.text, *span):
        for string in strings(value, span):
            _check(value, string)


def _check(value: Value, span: Span) -> None:
    text, pos = value.text, span[0] + 1
    while (match := _SOUND.match(text, pos, span[1])) and match.end() > pos:
        pos = match.end()
    if text[pos] == '"':
        return
    if text[pos] != "\\":
        _syntax(value, span[0], "invalid UTF-8 in string")
    after = text[pos + 6 : min(pos + 12, value.end)].encode("utf-8", "surrogateescape")[:6]
    if len(after) < 6:
        raise DecodeError("proto: unexpected EOF")
    code = quote(after.decode("utf-8", "surrogateescape"))
    _syntax(value, span[0], f"invalid escape code {code} in string")


def _unexpected(value: Value, span: Span) -> NoReturn:
    raw = value.text[slice(*span)]
    if raw[0] == '"':
        _check(value, span)
    _syntax(value, span[0], f"unexpected token {raw[0] if raw[0] in '{[' else raw}")


def _syntax(value: Value, pos: int, fault: str) -> NoReturn:
    raise DecodeError(f"proto: syntax error {_position(value, pos)}: {fault}")


def _fail(value: Value, pos: int, fault: str) -> NoReturn:
    raise DecodeError(f"proto: {_position(value, pos)}: {fault}")


def _position(value: Value, pos: int) -> str:
    before = value.text[value.start : pos]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return f"(line {line}:{column})"
