"""Refuses requests that another site made a browser send.

A browser adds the cookies of this host to requests that pages of other hosts make, and plain forms
can post bytes that etcd's API takes for JSON. So a request with a login that browsers add by
themselves must come from a page of this host, or be of a kind that browsers ask this host for in a
preflight request.

Source: Fetch Standard, CORS-safelisted request header; Fetch Metadata Request Headers; RFC 6454.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from etcd_asgi.arguments import is_url, members_of, url_text, wrong_type
from etcd_asgi.errors import Denied

Scope = MutableMapping[str, Any]
"""Scope of a connection, as ASGI has it."""

_SIMPLE_TYPES = frozenset(
    {"", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
)
"""Content types that a page may post to other hosts without asking."""

_PORTS = {"http": 80, "https": 443}
"""Default ports. Pages of apps, of schemes such as ``capacitor``, have none."""

_SECURE = frozenset({"https", "wss"})

_FORM = re.compile(
    r"""(?P<scheme>[a-z][a-z0-9+.-]*)://
    (?P<host>\[[0-9a-f:.]+\]|[^\x00-\x20\x7f/?\#@:\[\]\\<>^|%,;"'`{}]+)
    (?::(?P<port>[0-9]{0,5}))?/?""",
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
"""Form of an origin; a slash at the end is allowed.

Source: RFC 6454, section 6.2, and RFC 3986, section 3.1.
"""

_LAST_PORT = 65535
_SHOWN = 100
"""Characters of a header that a refusal repeats."""

FORGED = (
    "refused as cross-site: what a browser may send by itself must come from a page of this host,"
    " or have content-type application/json"
)
FOREIGN_READ = (
    "refused as cross-site: what a browser may send by itself must come from a page of this host"
)
FOREIGN_SOCKET = (
    "refused: a WebSocket from {page}, which is neither this host's nor allowed"
    " (this host is {host})"
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a page."""

    scheme: str
    host: str
    port: int | None
    """``None`` where the scheme has no default port, and the origin names none."""

    @classmethod
    def parse(cls, text: str) -> Origin | None:
        """Parse the origin in an Origin header; ``None`` for "null" and all that is not one."""
        found = _FORM.fullmatch(text)
        if found is None:
            return None
        scheme, host = found["scheme"].lower(), found["host"].lower()
        port = int(found["port"]) if found["port"] else _PORTS.get(scheme)
        if port is not None and not 0 < port <= _LAST_PORT:
            return None
        if host.startswith("["):
            try:
                host = f"[{ip_address(host[1:-1])}]"
            except ValueError:
                return None
        return cls(scheme, host, port)

    def is_host(self, host: str, *, secure: bool) -> bool:
        """Check that it is this host's own.

        Args:
            host: the request's Host header; without a port it has that of the origin's scheme, as
                a proxy may have ended TLS in front of us.
            secure: true for a request that itself came over TLS.
        """
        if self.scheme not in _PORTS or (secure and self.scheme != "https"):
            return False  # a page of an app, as of capacitor://localhost, came from no host
        return Origin.parse(f"{self.scheme}://{host}") == self


class Origins:
    """Origins of pages that may use a visitor's login: this host's own and those allowed.

    Args:
        allowed: origins such as ``https://app.example.org`` or ``capacitor://localhost``.

    Raises:
        ValueError: one of *allowed* is not an origin.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        given = members_of("allowed_origins=", allowed, "['https://app.example.org']")
        self._allowed = frozenset(_parsed(one) for one in given)

    def check(self, scope: Scope) -> None:
        """Refuse a request with a login that browsers add, if another site may have made it.

        Raises:
            Denied: the message says how to send it.
        """
        sent = _origin_headers(scope)
        reads = scope["method"] in ("GET", "HEAD")
        if not (self._is_ours(sent, scope) or (not reads and _has_preflight(sent))):
            if reads and not _has_origin(sent):
                return  # nothing is changed, and a page of another site cannot read it
            raise Denied(403, FOREIGN_READ if reads else FORGED)

    def check_socket(self, scope: Scope) -> None:
        """Refuse a WebSocket that a page of another host has opened.

        Browsers always send the origin of a page; a client that sends none is no browser.

        Raises:
            Denied: the page's origin is foreign.
        """
        sent = _origin_headers(scope)
        if _has_origin(sent) and not self._is_ours(sent, scope):
            page = f"origin {_shown(scope, b'origin')}" if b"origin" in sent else "another site"
            host = _shown(scope, b"host") or "not named by the request"
            raise Denied(403, FOREIGN_SOCKET.format(page=page, host=host))

    def _is_ours(self, sent: Mapping[bytes, str], scope: Scope) -> bool:
        """Check that a page of this host, or an allowed one, has sent a request.

        ``Sec-Fetch-Site`` is set by the browser alone, and no page can. It knows the host that the
        page asked, also where a proxy has rewritten Host. ``none`` is a request that no page
        has made; one with an Origin, as of an extension, is judged by that.

        Source: Fetch Metadata Request Headers, section 2.4.
        """
        site, origin = sent.get(b"sec-fetch-site"), sent.get(b"origin")
        if site == "same-origin" or (site == "none" and origin is None):
            return True
        # A page that the browser knows as another site's may have this host's name, behind a proxy.
        by_name = site in (None, "none")
        return origin is not None and self._allows(origin, scope, by_name=by_name)

    def _allows(self, text: str, scope: Scope, *, by_name: bool) -> bool:
        origin = Origin.parse(text)
        if origin is None:
            return False
        if not by_name:
            return origin in self._allowed
        secure = scope.get("scheme") in _SECURE
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        return origin in self._allowed or (
            len(hosts) == 1 and origin.is_host(hosts[0].decode("latin-1"), secure=secure)
        )


def _parsed(given: object) -> Origin:
    """Parse an origin that the host allows.

    Raises:
        ValueError: it is not the origin of certain pages; the message says why.
    """
    expected = "allowed_origins= takes origins such as 'https://app.example.org'"
    if not is_url(given):
        raise wrong_type(f"{expected}, as strings", given)
    text = url_text(given)
    origin = Origin.parse(text)
    reason = _why_not(text, origin)
    if origin is None or reason:
        raise ValueError(f"{expected}, not {text[:_SHOWN]!r}{reason}")
    return origin


def _why_not(text: str, origin: Origin | None) -> str:
    """Return the reason why *text* cannot be allowed, where that is not obvious."""
    scheme = text.partition(":")[0].strip().lower()
    if "*" in text:
        return ": wildcards are not supported; name each origin"
    if scheme in _OPAQUE:
        return (
            ': browsers send "null" for files, data: URLs and sandboxed frames of every site, so'
            " nobody can tell whose page it is; serve the page over http, or as an app with a"
            " scheme of its own"
        )
    if scheme in ("ws", "wss"):
        return ": that is the URL of a WebSocket; name the page that opens it, http:// or https://"
    if not text.isascii():
        return ": write the host as browsers send it, in ASCII (xn--...)"
    if "://" not in text:
        return ": begin it with a scheme, https:// or that of an app"
    return "" if origin else ": a scheme, a host and a port are all that it has"


_OPAQUE = frozenset({"null", "file", "data", "blob", "about", "javascript", "filesystem"})
"""Schemes without an origin of their own; WebViews send ``file://`` for files.

Source: HTML Standard, section 7.1.1, opaque origins.
"""


def _origin_headers(scope: Scope) -> Mapping[bytes, str]:
    """Return the headers with the origin of a request; one that is there twice is empty."""
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in _ORIGIN_HEADERS:
            found[name] = value.decode("latin-1") if name not in found else ""
    return found


_ORIGIN_HEADERS = frozenset({b"sec-fetch-site", b"origin", b"content-type"})


def _has_origin(sent: Mapping[bytes, str]) -> bool:
    return b"origin" in sent or b"sec-fetch-site" in sent


def _shown(scope: Scope, header: bytes) -> str:
    """Return the values of a header, as far as a text for the client may repeat them."""
    values = [value[:_SHOWN] for name, value in scope["headers"] if name == header]
    text = b" and ".join(values)[:_SHOWN].decode("latin-1")
    return "".join(char if char.isprintable() else "?" for char in text)


def _has_preflight(sent: Mapping[bytes, str]) -> bool:
    """Check that a browser asks this host before a page elsewhere can send this."""
    media_type = sent.get(b"content-type", "").partition(";")[0].strip().lower()
    return media_type not in _SIMPLE_TYPES
