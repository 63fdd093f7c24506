"""HTTP request headers to gRPC metadata and a deadline.

Source: grpc-gateway runtime/context.go (annotateContext, timeoutDecode) and runtime/mux.go
(DefaultHeaderMatcher); grpc-go internal/transport/http_util.go (isReservedHeader).
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from etcd_asgi.errors import DecodeError

Metadata = list[tuple[str, str | bytes]]
"""Keys in lower case; values of keys that end in ``-bin`` are bytes."""

_FORWARDED = {
    name.encode(): f"grpcgateway-{name}"
    for name in (
        "accept",
        "accept-charset",
        "accept-language",
        "accept-ranges",
        "cache-control",
        "content-type",
        "cookie",
        "date",
        "expect",
        "from",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-schedule-tag-match",
        "if-unmodified-since",
        "max-forwards",
        "origin",
        "pragma",
        "referer",
        "user-agent",
        "via",
        "warning",
    )
}
"""Headers that go up under a prefix: the permanent request headers of RFC 4229 that
grpc-gateway lists. Authorization has a rule of its own."""

_PREFIX = b"grpc-metadata-"
_ACCEPT = "grpcgateway-accept"
_LEGAL_KEY = re.compile(r"[0-9a-z_.-]+").fullmatch
_RESERVED = frozenset({"connection", "content-type", "host", "te", "user-agent"})
_BEARER = re.compile(r"bearer ", re.IGNORECASE)
_TIMEOUT = re.compile(r"([+-]?[0-9]{1,40})([HMSmun])").fullmatch
_UNITS = {"H": 3600 * 10**9, "M": 60 * 10**9, "S": 10**9, "m": 10**6, "u": 10**3, "n": 1}
"""Nanoseconds in a unit of ``Grpc-Timeout``."""

_MAX_INT64 = 2**63 - 1
_LEAST_TIMEOUT = 0.0005
"""Seconds. A shorter time would be over before the call could leave."""

_FOREVER = 1e9
"""Seconds. A longer time is no deadline: gRPC's library takes some of them for the past."""


@dataclass(slots=True)
class RequestHeaders:
    """What a request's headers mean for the call."""

    metadata: Metadata = field(default_factory=list, repr=False)
    timeout: float | None = None
    """Seconds until the deadline; zero or less: it is over; ``None``: there is none."""

    method_override: str = ""
    """X-HTTP-Method-Override, upper-cased."""

    content_type: str = ""
    token: str | None = field(default=None, repr=False)
    forwarded_host: str = ""
    host: str = ""
    forwarded_for: list[str] = field(default_factory=list)


def read(headers: Iterable[tuple[bytes, bytes]], peer: str | None) -> RequestHeaders:
    """The call's metadata, deadline and the few headers that change routing.

    Args:
        headers: as in an ASGI scope, names in lower case.
        peer: IP address of the client.

    Names and values that gRPC does not allow are left out; etcd 3.6 does so, earlier releases
    fail the call.

    Raises:
        DecodeError: a Grpc-Timeout or a binary header that cannot be read.
    """
    found = RequestHeaders()
    metadata = found.metadata
    accept = False
    prefixed: list[tuple[str, bytes]] = []
    for name, raw in headers:
        key = _FORWARDED.get(name)
        if key is not None:
            value = raw.decode("latin-1")
            if value.isascii() and value.isprintable():
                metadata.append((key, value))
                accept = accept or key is _ACCEPT_KEY
            if name == b"content-type":
                found.content_type = value
        elif name in _SPECIAL:
            _SPECIAL[name](found, raw.decode("latin-1"))
        elif name == b"grpc-timeout":
            _read_timeout(found, raw)
        elif name.startswith(_PREFIX):
            prefixed.append((name[len(_PREFIX) :].decode("latin-1"), raw))
    for key, raw in prefixed:  # after the deadline, whose error comes first
        _add_metadata(metadata, key, raw)
    if not accept:
        # Without it etcd takes the caller for the subject of the gateway's client certificate:
        # etcd server/auth/store.go, AuthInfoFromTLS.
        metadata.append((_ACCEPT, "*/*"))
    _add_token(found)
    _add_forwarded(found, peer)
    return found


_ACCEPT_KEY = _FORWARDED[b"accept"]


def _add_token(found: RequestHeaders) -> None:
    """Send the token as etcd looks it up: ``token`` first, which a Grpc-Metadata-Token may be."""
    if found.token is None:
        return
    if not any(key == "token" for key, _ in found.metadata):
        found.metadata.append(("token", found.token))
    found.metadata.append(("grpcgateway-authorization", found.token))


def _add_forwarded(found: RequestHeaders, peer: str | None) -> None:
    host = found.forwarded_host or found.host
    if host and _is_legal(host):
        found.metadata.append(("x-forwarded-host", host))
    if peer:
        found.forwarded_for.append(peer)
    if found.forwarded_for:
        hops = ", ".join(found.forwarded_for)
        if _is_legal(hops):
            found.metadata.append(("x-forwarded-for", hops))


def _is_legal(value: str) -> bool:
    return value.isascii() and value.isprintable()


def _add_metadata(metadata: Metadata, key: str, raw: bytes) -> None:
    if not _LEGAL_KEY(key) or key in _RESERVED or key.startswith("grpc-"):
        return
    if key.endswith("-bin"):
        metadata.append((key, _binary(key, raw)))
    elif key == "bin":  # grpc-gateway looks at the end of the whole header's name
        _add_text(metadata, key, _binary(key, raw))
    else:
        _add_text(metadata, key, raw)


def _add_text(metadata: Metadata, key: str, raw: bytes) -> None:
    value = raw.decode("latin-1")
    if _is_legal(value):
        metadata.append((key, value))


def _binary(key: str, raw: bytes) -> bytes:
    """The value of a binary header: base64, padded or not."""
    padding = b"=" * (-len(raw) % 4) if not raw.endswith(b"=") else b""
    try:
        return a2b_base64(raw + padding, strict_mode=True)
    except ValueError:
        at = next((i for i, byte in enumerate(raw) if chr(byte) not in _BASE64), len(raw) // 4 * 4)
        name = "-".join(part.capitalize() for part in f"grpc-metadata-{key}".split("-"))
        raise DecodeError(
            f"invalid binary header {name}: illegal base64 data at input byte {at}"
        ) from None


_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


def _authorization(found: RequestHeaders, value: str) -> None:
    scheme = _BEARER.match(value)
    token = value[scheme.end() :] if scheme else value
    if found.token is None and _is_legal(token):
        found.token = token


def _read_timeout(found: RequestHeaders, raw: bytes) -> None:
    """Read ``Grpc-Timeout``: digits and a unit, as a signed 64-bit count of nanoseconds.

    Zero is no deadline, and so is an empty header; the first of several counts. A negative time is
    over, and one that overflows is what is left of it in 64 bits.
    """
    if found.timeout is not None or not raw:
        return
    value = raw.decode("utf-8", "replace")
    match = _TIMEOUT(value)
    if match is None or abs(count := int(match[1])) > _MAX_INT64:
        raise DecodeError(f"invalid grpc-timeout: {value}")
    nanoseconds = (count * _UNITS[match[2]] + 2**63) % 2**64 - 2**63
    seconds = nanoseconds / 10**9
    if seconds and seconds < _FOREVER:
        found.timeout = seconds if seconds >= _LEAST_TIMEOUT else -1.0


def _method_override(found: RequestHeaders, value: str) -> None:
    found.method_override = value.upper()


def _host(found: RequestHeaders, value: str) -> None:
    found.host = value


def _forwarded_host(found: RequestHeaders, value: str) -> None:
    found.forwarded_host = found.forwarded_host or value


def _forwarded_for(found: RequestHeaders, value: str) -> None:
    found.forwarded_for.append(value)


_SPECIAL: dict[bytes, Callable[[RequestHeaders, str], None]] = {
    b"authorization": _authorization,
    b"host": _host,
    b"x-forwarded-host": _forwarded_host,
    b"x-forwarded-for": _forwarded_for,
    b"x-http-method-override": _method_override,
}
