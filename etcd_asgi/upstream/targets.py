"""The URLs under which the host gives etcd's addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

DEFAULT_PORT = 2379


@dataclass(frozen=True, slots=True)
class Target:
    """What one gRPC channel connects to: a member, or all that are given as addresses."""

    name: str
    """In gRPC's name syntax: ``dns:etcd.example:2379``, ``ipv4:10.0.0.1:2379,10.0.0.2:2379``."""

    secure: bool


def parse_targets(urls: str | Sequence[str]) -> tuple[Target, ...]:
    """The channels needed for *urls*, in the order of preference.

    Members given as literal addresses share a channel, which changes over between them by itself.
    With TLS each has one of its own: gRPC looks for the whole of a channel's name in certificates.

    Raises:
        ValueError: no URL, one that is not like ``http://127.0.0.1:2379``, or a mixture of
            ``http`` and ``https``.
        TypeError: something else than strings.
    """
    given = [urls] if isinstance(urls, str) else list(urls)
    if not given:
        raise ValueError("Gateway() needs the URL of etcd, such as 'http://127.0.0.1:2379'")
    parts = [_split(url) for url in given]
    if len({part.scheme for part in parts}) > 1:
        raise ValueError(f"the URLs of etcd mix http and https: {given!r}")
    secure = parts[0].scheme == "https"
    groups: dict[str, list[str]] = {}
    for part in parts:
        scheme, address = _address(part)
        shared = scheme != "dns" and not secure
        groups.setdefault(scheme if shared else f"{scheme}:{address}", []).append(address)
    return tuple(
        Target(f"{group.partition(':')[0]}:{','.join(addresses)}", secure)
        for group, addresses in groups.items()
    )


def _split(url: object) -> SplitResult:
    if not isinstance(url, str):
        raise TypeError(f"the URL of etcd must be a string, not {type(url).__name__}")
    wrong = f"the URL of etcd must be like 'http://127.0.0.1:2379', not {_shown(url)!r}"
    try:
        part = urlsplit(url)
        _ = part.port
    except ValueError as error:
        raise ValueError(f"{wrong}: {error}") from None
    if part.scheme not in ("http", "https") or not part.hostname:
        raise ValueError(wrong)
    if part.username is not None or part.path not in ("", "/") or part.query or part.fragment:
        raise ValueError(f"{wrong}: a scheme, a host and a port are all it may have")
    return part


def _shown(url: str) -> str:
    """*url* without what may be a password."""
    head, at, tail = url.rpartition("@")
    return f"{head.partition('://')[0]}://...@{tail}" if at else url


def _address(part: SplitResult) -> tuple[str, str]:
    """gRPC's scheme for a URL's host, and the host with its port."""
    host, port = part.hostname or "", part.port or DEFAULT_PORT
    try:
        version = ip_address(host).version
    except ValueError:
        return "dns", f"{host}:{port}"
    return ("ipv4", f"{host}:{port}") if version == 4 else ("ipv6", f"[{host}]:{port}")
