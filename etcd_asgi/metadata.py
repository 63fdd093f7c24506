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

Headers = Iterable[tuple[bytes, bytes]]
"""As in an ASGI scope, names in lower case."""

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
"""Headers that are sent to etcd under a prefix: the permanent request headers of RFC 4229 that
grpc-gateway lists. Authorization has a rule of its own."""

_COOKIE = _FORWARDED.pop(b"cookie")
"""Cookies are a login that a browser adds by itself: they are read apart, and noted as one."""

_EXPECT = _FORWARDED.pop(b"expect")
"""From a client that waits until its body is wanted: the length is checked before."""

_UNUSED = (b"host", b"accept-encoding", b"connection", b"content-length")
"""Headers of almost every request that are not sent to etcd as they are."""

_KEYS = _FORWARDED | dict.fromkeys(_UNUSED, "")
"""One look-up for each header. The others are few, and are read apart."""

_FORM = "application/x-www-form-urlencoded"
_ACCEPT, _CONTENT_TYPE = _FORWARDED[b"accept"], _FORWARDED[b"content-type"]
_LONGEST = 8192
"""Characters of Content-Type and Accept that are read: no client sends as many."""

_PREFIX = b"grpc-metadata-"
_LEGAL_KEY = re.compile(r"[0-9a-z_.-]+").fullmatch
_RESERVED = frozenset({"connection", "content-type", "host", "te", "user-agent"})
_BEARER = re.compile(r"bearer ", re.IGNORECASE)
_AMBIENT = re.compile(r"(basic|digest|negotiate|ntlm) ", re.IGNORECASE).match
_TIMEOUT = re.compile(r"([+-]?[0-9]{1,40})([HMSmun])").fullmatch
_UNITS = {"H": 3600 * 10**9, "M": 60 * 10**9, "S": 10**9, "m": 10**6, "u": 10**3, "n": 1}
"""Nanoseconds in a unit of ``Grpc-Timeout``."""

_MAX_INT64 = 2**63 - 1
_LEAST_TIMEOUT = 0.0005
"""Seconds. A shorter time would be over before the call could be sent."""

_FOREVER = 1e9
"""Seconds. A longer time is no deadline: gRPC's library takes some of them for the past."""


@dataclass(slots=True)
class RequestHeaders:
    """The metadata and settings of a call, as the headers of its request give them."""

    metadata: Metadata = field(default_factory=list, repr=False)
    timeout: float | None = None
    """Seconds until the deadline; zero or less: it has passed; ``None``: there is none."""

    method_override: str = ""
    """X-HTTP-Method-Override, upper-cased."""

    content_type: str = ""
    accept: str = ""
    """All of its values, with commas between them."""

    expects: bool = False
    """True if the client sends its body after ``100 Continue`` alone."""

    ambient: bool = False
    """True for a login that a browser adds by itself: a cookie, or a user and password that it
    remembers."""

    @property
    def is_form(self) -> bool:
        """True if grpc-gateway takes the body for a form.

        Source: grpc-gateway runtime/mux.go, ServeHTTP and isPathLengthFallback.
        """
        return self.content_type == _FORM


def read(headers: Headers, peer: str | None) -> RequestHeaders:
    """Read the call's metadata, its deadline and the few headers that change routing.

    Args:
        headers: of the request.
        peer: IP address of the client.

    Names and values that gRPC does not allow are left out; etcd 3.6 does so, earlier releases
    fail the call.

    Raises:
        DecodeError: a Grpc-Timeout or a binary header that cannot be read.
    """
    metadata: Metadata = []
    accept, content_type, host, others = _read_usual(headers, metadata)
    found = RequestHeaders(metadata, None, "", content_type, accept)
    token, hops = None, peer or None
    if others:
        sender = _read_others(found, others)
        token, host, hops = sender.token, sender.host or host, sender.route(peer)
        found.ambient = found.ambient or (token is not None and bool(_AMBIENT(token)))
    if not accept:
        # Without it etcd takes the caller for the subject of the gateway's client certificate:
        # etcd server/auth/store.go, AuthInfoFromTLS.
        metadata.append((_ACCEPT, "*/*"))
    if token is not None:
        _add_token(metadata, token)
    if host and host.isascii() and (value := host.decode()).isprintable():
        metadata.append(("x-forwarded-host", value))
    if hops is not None and hops.isascii() and hops.isprintable():
        metadata.append(("x-forwarded-for", hops))
    return found


def _read_usual(
    headers: Headers, metadata: Metadata
) -> tuple[str, str, bytes, list[tuple[bytes, bytes]]]:
    """Read the headers of almost every request, in one pass, as every call needs them.

    Returns:
        Accept, Content-Type, Host, and all other headers.
    """
    accept, content_type, host = "", "", b""
    others: list[tuple[bytes, bytes]] = []
    for name, raw in headers:
        key = _KEYS.get(name)
        if key:
            if raw.isascii() and (value := raw.decode()).isprintable():
                metadata.append((key, value))
                if key is _ACCEPT:
                    accept = (f"{accept},{value}" if accept else value)[:_LONGEST]
            else:
                value = raw.decode("latin-1")
            if key is _CONTENT_TYPE:
                content_type = value[:_LONGEST]
        elif key is None:
            others.append((name, raw))
        elif name == b"host":
            host = raw
    return accept, content_type, host, others


@dataclass(slots=True)
class _Sender:
    """The sender of a request, as its headers name it."""

    token: str | None = field(default=None, repr=False)
    host: bytes = b""
    """The host that the client named, where a proxy has changed it."""

    hops: list[str] = field(default_factory=list)

    def route(self, peer: str | None) -> str | None:
        """Return the addresses of the client and of proxies, as far as they are known."""
        return ", ".join((*self.hops, peer) if peer else self.hops) if self.hops else peer or None


def _read_others(found: RequestHeaders, headers: Headers) -> _Sender:
    """Read the headers that few requests have."""
    sender = _Sender()
    prefixed: list[tuple[str, bytes]] = []
    for name, raw in headers:
        if name == b"grpc-timeout":
            _read_timeout(found, raw)
        elif name == b"x-http-method-override":
            found.method_override = raw.decode("latin-1").upper()
        elif name in _SENDER:
            _SENDER[name](sender, raw)
        elif name == b"cookie":
            found.ambient = True
            _add_text(found.metadata, _COOKIE, raw)
        elif name == b"expect":
            found.expects = True
            _add_text(found.metadata, _EXPECT, raw)
        elif name.startswith(_PREFIX):
            prefixed.append((name[len(_PREFIX) :].decode("latin-1"), raw))
    for key, raw in prefixed:  # after the deadline, whose error comes first
        _add_metadata(found.metadata, key, raw)
    return sender


def _add_token(metadata: Metadata, token: str) -> None:
    """Add the token under the keys that etcd reads; a Grpc-Metadata-Token goes before it."""
    if not any(key == "token" for key, _ in metadata):
        metadata.append(("token", token))
    metadata.append(("grpcgateway-authorization", token))


def without_login(metadata: Metadata) -> Metadata:
    """Return *metadata* without the caller's login, which is not for etcd."""
    return [pair for pair in metadata if pair[0] not in _LOGIN]


_LOGIN = frozenset({"token", "authorization", "grpcgateway-authorization", _COOKIE})


def _is_legal(value: str) -> bool:
    return value.isascii() and value.isprintable()


def _add_metadata(metadata: Metadata, key: str, raw: bytes) -> None:
    if not _LEGAL_KEY(key) or key in _RESERVED or key.startswith("grpc-"):
        return
    if key.endswith("-bin"):
        value = _binary(key, raw)
        if key != "-bin":  # which gRPC takes neither for binary nor for text
            metadata.append((key, value))
    elif key == "bin":  # grpc-gateway looks at the end of the whole header's name
        _add_text(metadata, key, _binary(key, raw))
    else:
        _add_text(metadata, key, raw)


def _add_text(metadata: Metadata, key: str, raw: bytes) -> None:
    if raw.isascii() and (value := raw.decode()).isprintable():
        metadata.append((key, value))


def _binary(key: str, raw: bytes) -> bytes:
    """Decode the value of a binary header: base64, padded or not."""
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


def _authorization(sender: _Sender, raw: bytes) -> None:
    value = raw.decode("latin-1")
    scheme = _BEARER.match(value)
    token = value[scheme.end() :] if scheme else value
    if sender.token is None and _is_legal(token):
        sender.token = token


def _forwarded_host(sender: _Sender, raw: bytes) -> None:
    sender.host = sender.host or raw


def _forwarded_for(sender: _Sender, raw: bytes) -> None:
    sender.hops.append(raw.decode("latin-1"))


_SENDER: dict[bytes, Callable[[_Sender, bytes], None]] = {
    b"authorization": _authorization,
    b"x-forwarded-host": _forwarded_host,
    b"x-forwarded-for": _forwarded_for,
}


def _read_timeout(found: RequestHeaders, raw: bytes) -> None:
    """Read ``Grpc-Timeout``: digits and a unit, as a signed 64-bit count of nanoseconds.

    Zero is no deadline, and so is an empty header; the first of several counts. A negative time has
    passed, and one that overflows keeps its last 64 bits.
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
