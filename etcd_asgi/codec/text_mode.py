"""Text mode: bytes as text, where they are text.

A bytes field is a JSON string, which holds its UTF-8 text, or the object ``{"base64": "..."}``. The
encoder takes the object for bytes that are not UTF-8 only; the decoder takes both for all bytes. A
string is never taken for base64, so what one side writes the other reads as the same bytes.
"""

from __future__ import annotations

import json
from binascii import b2a_base64
from json.encoder import encode_basestring

from etcd_asgi.codec.decode.go import base64
from etcd_asgi.codec.decode.go.json_syntax import Value
from etcd_asgi.codec.decode.go.json_walk import Span, members
from etcd_asgi.codec.encode.bytes_format import BytesFormat
from etcd_asgi.errors import DecodeError

MEMBER = "base64"
"""The one member of the object."""

EXPECTED = 'in text mode, bytes are a string or {"base64": "..."}'

_MAX_GIVEN = 60
"""Characters of a wrong value that its error repeats."""

_read_string = json.JSONDecoder().raw_decode


def show(value: bytes) -> str:
    """Convert *value* to JSON."""
    try:
        return encode_basestring(value.decode())
    except UnicodeDecodeError:
        return f'{{"{MEMBER}":"{b2a_base64(value, newline=False).decode()}"}}'


def _fill(value: bytes) -> bytes:
    return show(value).encode()


TEXT = BytesFormat(expression="{{show({var})}}", show=show, place=b"%b", fill=_fill)
"""Bytes as text."""


def read(value: Value, name: str, span: Span) -> bytes:
    """Read the bytes that the JSON value at *span* stands for.

    Args:
        value: the whole document.
        name: of the field, for errors.
        span: where the field's value is.

    Raises:
        DecodeError: it stands for none.
    """
    match value.text[span[0]]:
        case '"':
            return _string(value, name, span)
        case "{":
            return _object(value, name, span)
    raise _fault(value, name, span, EXPECTED)


def _string(value: Value, name: str, span: Span) -> bytes:
    try:
        return _unquote(value, span).encode()
    except UnicodeEncodeError:
        pass  # half of a surrogate pair, or a byte that is not UTF-8
    raise _fault(value, name, span, 'this is not Unicode: give such bytes as {"base64": "..."}')


def _object(value: Value, name: str, span: Span) -> bytes:
    found = [(_unquote(value, key), inner) for key, inner in members(value, span[0])]
    if [key for key, _ in found] != [MEMBER]:
        raise _fault(value, name, span, f'the object for bytes has one member, "{MEMBER}"')
    inner = found[0][1]
    if value.text[inner[0]] != '"':
        raise _fault(value, name, span, f'"{MEMBER}" is a string')
    try:
        return base64.decode(_unquote(value, inner).encode("utf-8", "replace"))
    except base64.CorruptInputError as error:
        raise _fault(value, name, span, str(error)) from None


def _unquote(value: Value, span: Span) -> str:
    text: str = _read_string(value.text[slice(*span)])[0]
    return text


def _fault(value: Value, name: str, span: Span, fault: str) -> DecodeError:
    raw = value.text[slice(*span)]
    given = raw if len(raw) <= _MAX_GIVEN else f"{raw[:_MAX_GIVEN]}..."
    return DecodeError(f"invalid value for bytes field {name}: {given}: {fault}")
