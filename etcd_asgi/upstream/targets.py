"""The URLs under which the host gives etcd's addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from etcd_asgi.arguments import is_url, url_text, wrong_type

DEFAULT_PORT = 2379
NAME, IPV4, IPV6 = "name", "ipv4", "ipv6"

Urls = str | Iterable[str]
"""One URL or several. An object with a ``scheme`` that ``str()`` turns into the URL, such as
pydantic's ``AnyHttpUrl`` or yarl's ``URL``, stands for it."""

_EXAMPLE = "such as 'http://127.0.0.1:2379'"
_NEEDED = f"Gateway() needs the URL of etcd, {_EXAMPLE}"
_SEVERAL = "several members are a list, ['http://10.0.0.1:2379', 'http://10.0.0.2:2379']"
_SEPARATED = re.compile(r"[,;\s|]")
_NOT_IN_HOSTS = re.compile(r"[\s\x00-\x1f\x7f,;|*\\'\"<>{}()^`$!&=~+]")


class Address(NamedTuple):
    """Host and port of a member."""

    host: str
    """A name, or a literal address without brackets."""

    port: int

    @property
    def family(self) -> str:
        """Return the kind: a name, or either kind of literal address."""
        try:
            version = ip_address(self.host).version
        except ValueError:
            return NAME
        return IPV4 if version == 4 else IPV6


@dataclass(frozen=True, slots=True)
class Target:
    """Addresses that share a connection: one member's, or those of all that are given literally."""

    addresses: tuple[Address, ...]
    """All of one family."""

    secure: bool


def parse_targets(urls: Urls) -> tuple[Target, ...]:
    """Parse *urls* into the connections that they need, in the order of preference.

    Members given as literal addresses share one, which changes over between them by itself.
    With TLS each has one of its own: each certificate is for an address of its own.

    A member that is given twice, in whatever spelling, counts once: lists are often put together
    from several sources, and nothing else can be meant. ``localhost`` and ``127.0.0.1`` are two.

    Raises:
        ValueError: no URL, one that is not like ``http://127.0.0.1:2379``, or a mixture of
            ``http`` and ``https``.
        TypeError: something else than strings; it is a ``ValueError`` as well.
    """
    parts = [_split(url) for url in _listed(urls)]
    if not parts:
        raise ValueError(_NEEDED)
    if len({part.scheme for part in parts}) > 1:
        shown = [f"{part.scheme}://{part.hostname}" for part in parts]
        raise ValueError(f"the URLs of etcd mix http and https: {shown!r}")
    secure = parts[0].scheme == "https"
    groups: dict[str | Address, list[Address]] = {}
    for address in dict.fromkeys(_address(part) for part in parts):
        family = address.family
        groups.setdefault(address if secure or family == NAME else family, []).append(address)
    return tuple(Target(tuple(addresses), secure) for addresses in groups.values())


def _listed(urls: object) -> list[object]:
    if is_url(urls):
        return [urls]
    if urls is None:
        raise wrong_type(f"{_NEEDED}: is an environment variable unset? It must be a string", urls)
    if isinstance(urls, bytes | bytearray | Mapping | set | frozenset | type):
        raise wrong_type(f"{_NEEDED}, or a list of URLs in the order of preference", urls)
    if not isinstance(urls, Iterable):
        raise wrong_type(f"{_NEEDED}, a list of URLs, or an Upstream", urls)
    return list(urls)


_UNSET = frozenset({"none", "null", "undefined", "nil"})
"""Words that programs write for a value that is not there."""


def _split(given: object) -> SplitResult:
    if not is_url(given):
        raise wrong_type(f"{_NEEDED}; each URL of etcd must be a string", given)
    url = url_text(given).strip()
    wrong = f"the URL of etcd must be like 'http://127.0.0.1:2379', not {_shown(url)!r}"
    if _SEPARATED.search(url):
        raise ValueError(f"{wrong}: {_SEVERAL}")
    try:
        part = urlsplit(url)
        port = part.port
    except ValueError as error:
        raise ValueError(f"{wrong}: {error}") from None
    if part.scheme not in ("http", "https") or not part.hostname:
        raise ValueError(wrong)
    if part.username is not None or part.path not in ("", "/") or part.query or part.fragment:
        raise ValueError(f"{wrong}: a scheme, a host and a port are all it may have")
    if port == 0:
        raise ValueError(f"{wrong}: etcd listens on no port 0; without a port it is {DEFAULT_PORT}")
    if part.hostname in _UNSET:
        raise ValueError(
            f"{wrong}: the host is {part.hostname!r}, as from a variable that is unset"
        )
    if _NOT_IN_HOSTS.search(part.hostname) or ".." in part.hostname:
        raise ValueError(f"{wrong}: {part.hostname!r} is not the name of a host")
    return part


def _shown(url: str) -> str:
    """Return *url* without what may be a password."""
    head, at, tail = url.rpartition("@")
    return f"{head.partition('://')[0]}://...@{tail}" if at else url


def _address(part: SplitResult) -> Address:
    """Return host and port of a URL; a literal address in the one spelling that it has."""
    host, port = part.hostname or "", part.port or DEFAULT_PORT
    with suppress(ValueError):  # of a name
        host = str(ip_address(host))
    return Address(host, port)
