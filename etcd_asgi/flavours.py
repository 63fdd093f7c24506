"""Flavours: the behaviour of the gateways of several releases, as a table of their differences.

A flavour is chosen for a prefix, whatever release the upstream is: clients were written against
the gateway of one release, and distributions link other gateway libraries than etcd pins.

Source: grpc-gateway 1.3, 1.11, 1.16, 2.26 and 2.29 as etcd 3.3, 3.4, 3.5, 3.6 and 3.7 pin them:
runtime/errors.go, runtime/mux.go, runtime/handler.go.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from http import HTTPStatus

from etcd_asgi.arguments import wrong_type
from etcd_asgi.codec.dialect import Dialect
from etcd_asgi.status import V1, V1_3, V2, StatusMap, http_status

Members = dict[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavour:
    """The behaviour of the gateway of one release."""

    name: str

    release: str
    """The release of etcd whose gateway it is: ``3.6``."""

    dialect: Dialect
    """The rules by which JSON is read."""

    statuses: StatusMap
    """HTTP status by gRPC code."""

    error_members: tuple[str, ...]
    """Members of an error body, in order: ``error`` and ``message`` hold the text, ``code`` the
    number of the gRPC code."""

    json_routing: bool
    """Unknown paths and wrong methods get a response in JSON, not in plain text."""

    wrong_method_status: int
    """HTTP status for a known path and a method other than POST."""

    trailing_colon: bool
    """A colon at the end of a path is an empty verb, and the path matches without it."""

    www_authenticate: bool
    """The gRPC code Unauthenticated also makes a ``Www-Authenticate`` header."""

    empty_body: bool
    """An empty body is an empty message; if not, it is a decoding error."""

    whole_body: bool
    """The call starts at the end of the body; if not, with the first whole JSON value."""

    health_reason: bool
    """``/health`` has a member ``reason``."""

    stream_error_members: tuple[str, ...]
    """Members of the object that ends a stream with an error."""

    stream_error_newline: bool
    """A newline stands after that object."""

    empty_stream_type: bool
    """A stream that ends before its first message has a Content-Type."""

    options: bool
    """OPTIONS gets 200 and nothing, before routing."""

    def http_status(self, code: int) -> int:
        """Return the HTTP status of a gRPC code."""
        return http_status(self.statuses, code)

    def error_body(self, code: int, message: str) -> bytes:
        """Write the body for a call that ended with a gRPC code other than OK."""
        values: Members = {"code": int(code), "error": message, "message": message}
        return _compact({member: values[member] for member in self.error_members})

    def stream_error(self, code: int, message: str) -> bytes:
        """Write the last line of a stream that an error ends."""
        status = self.http_status(code)
        values: Members = {
            "grpc_code": int(code),
            "http_code": status,
            "http_status": _REASONS.get(status, ""),
            "code": int(code),
            "message": message,
        }
        members = {name: values[name] for name in self.stream_error_members if values[name]}
        return _compact({"error": members}) + (b"\n" if self.stream_error_newline else b"")


def _compact(members: object) -> bytes:
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


_REASONS = {status.value: status.phrase for status in HTTPStatus}
"""Go's phrases for the statuses in use; it has none for 499."""

_3_5 = Flavour(
    name="3.5",
    release="3.5",
    dialect=Dialect.JSONPB,
    statuses=V1,
    error_members=("error", "code", "message"),
    json_routing=False,
    wrong_method_status=405,
    trailing_colon=True,
    www_authenticate=False,
    empty_body=True,
    whole_body=True,
    health_reason=True,
    stream_error_members=("grpc_code", "http_code", "message", "http_status"),
    stream_error_newline=False,
    empty_stream_type=True,
    options=True,
)
_3_4 = replace(_3_5, name="3.4", release="3.4", whole_body=False, health_reason=False)
_3_3 = replace(
    _3_4,
    name="3.3",
    release="3.3",
    statuses=V1_3,
    error_members=("error", "code"),
    empty_body=False,
    options=False,
)
_3_6 = Flavour(
    name="3.6",
    release="3.6",
    dialect=Dialect.PROTOJSON,
    statuses=V2,
    error_members=("code", "message"),
    json_routing=True,
    wrong_method_status=501,
    trailing_colon=False,
    www_authenticate=True,
    empty_body=True,
    whole_body=False,
    health_reason=True,
    stream_error_members=("code", "message"),
    stream_error_newline=True,
    empty_stream_type=False,
    options=True,
)
_3_7 = replace(_3_6, name="3.7", release="3.7", whole_body=True)
_COMPAT = replace(
    _3_6,
    name="compat",
    error_members=("error", "code", "message"),
    stream_error_members=("grpc_code", "http_code", "http_status", "code", "message"),
)

FLAVOURS = {one.name: one for one in (_3_3, _3_4, _3_5, _3_6, _3_7, _COMPAT)}
"""All flavours by name. "3.4" is 3.4.24 and later; "compat" is 3.6 with error bodies that clients
of older releases understand too."""


def flavour(name: str) -> Flavour:
    """Return the flavour of that name.

    Raises:
        ValueError: there is none; the message lists those that are. For another type than a string
            it is a ``TypeError`` as well.
    """
    known = ", ".join(repr(one) for one in FLAVOURS)
    if not isinstance(name, str):
        raise wrong_type(f"a flavour in versions= is one of {known}", name)
    if name not in FLAVOURS:
        raise ValueError(f"unknown flavour {name!r}: use one of {known}")
    return FLAVOURS[name]
