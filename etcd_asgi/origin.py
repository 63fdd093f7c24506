"""Requests that another site made a browser send.

A browser adds the cookies of this host to requests that pages of other hosts make, and plain forms
can post what etcd's API takes for JSON. So a request with a login that browsers add by themselves
must come from a page of this host, or be of a kind that browsers ask leave for beforehand.

Source: Fetch Standard, CORS-safelisted request header; Fetch Metadata Request Headers; RFC 6454.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.types import Scope

from etcd_asgi.errors import Denied

_SIMPLE_TYPES = frozenset(
    {"", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
)
"""Content types that a page may post to other hosts without asking."""

_OWN = frozenset({"same-origin", "none"})
"""Sec-Fetch-Site of requests from pages of this host, and of those that the user typed."""

_PORTS = {"http": 80, "https": 443}
_SECURE = frozenset({"https", "wss"})

FORGED = (
    "refused as cross-site: what a browser may send by itself must come from a page of this host,"
    " or have content-type application/json"
)
FOREIGN_READ = (
    "refused as cross-site: what a browser may send by itself must come from a page of this host"
)
FOREIGN_SOCKET = (
    "refused: a WebSocket from origin {origin}, which is neither this host's nor allowed"
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a page."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Origin | None:
        """The origin in an Origin header; ``None`` for "null" and all that is not one."""
        try:
            parts = urlsplit(text)
            port = parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            return None
        if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/"):
            return None
        if "@" in parts.netloc or parts.query or parts.fragment:
            return None
        return cls(parts.scheme, parts.hostname, port)

    def is_host(self, host: str, *, secure: bool) -> bool:
        """Whether it is this host's own.

        Args:
            host: the request's Host header; without a port it has that of the origin's scheme, as
                a proxy may have ended TLS in front of us.
            secure: whether the request itself came over TLS.
        """
        if secure and self.scheme != "https":
            return False
        own = Origin.parse(f"{self.scheme}://{host}")
        return own == self


class Origins:
    """The pages that may use a visitor's login: this host's own and those allowed.

    Args:
        allowed: origins such as ``https://app.example.org``.

    Raises:
        ValueError: one of *allowed* is not an origin.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        if isinstance(allowed, str):
            raise ValueError("allowed_origins= takes a list: ['https://app.example.org']")
        self._allowed = frozenset(_parsed(text) for text in allowed)

    def check(self, scope: Scope) -> None:
        """Let a request with a login that browsers add through, if no other site made it.

        Raises:
            Denied: one may have; the message tells what is asked for.
        """
        sent = _telling(scope)
        reads = scope["method"] in ("GET", "HEAD")
        if not (self._is_ours(sent, scope) or (not reads and _asks_beforehand(sent))):
            if reads and b"origin" not in sent and b"sec-fetch-site" not in sent:
                return  # nothing is changed, and a page of another site cannot read it
            raise Denied(403, FOREIGN_READ if reads else FORGED)

    def check_socket(self, scope: Scope) -> None:
        """Let a WebSocket through that no page of another host has opened.

        Browsers always say where a page is from; what says nothing is no browser.

        Raises:
            Denied: the page's origin is foreign.
        """
        for name, value in scope["headers"]:
            if name == b"origin":
                origin = value.decode("latin-1")
                if not self._allows(origin, scope):
                    raise Denied(403, FOREIGN_SOCKET.format(origin=origin[:100]))

    def _is_ours(self, sent: Mapping[bytes, str], scope: Scope) -> bool:
        site = sent.get(b"sec-fetch-site")
        if site in _OWN:
            return True
        if b"origin" not in sent:
            return False
        # What a browser knows to be of another site, behind a proxy say, has this host's name only.
        return self._allows(sent[b"origin"], scope, by_name=site is None)

    def _allows(self, text: str, scope: Scope, *, by_name: bool = True) -> bool:
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


def _parsed(text: str) -> Origin:
    origin = Origin.parse(text)
    if origin is None:
        raise ValueError(
            f"allowed_origins= takes origins such as 'https://app.example.org', not {text!r}"
        )
    return origin


def _telling(scope: Scope) -> Mapping[bytes, str]:
    """The headers that tell where a request is from; one that is there twice tells nothing."""
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in _TELLING:
            found[name] = value.decode("latin-1") if name not in found else ""
    return found


_TELLING = frozenset({b"sec-fetch-site", b"origin", b"content-type"})


def _asks_beforehand(sent: Mapping[bytes, str]) -> bool:
    """Whether a browser would ask this host's leave before a page elsewhere could send this."""
    media_type = sent.get(b"content-type", "").partition(";")[0].strip().lower()
    return media_type not in _SIMPLE_TYPES
