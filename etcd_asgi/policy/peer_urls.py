"""Checks the URLs at which peers reach a member of the cluster.

etcd checks them when a member is added, but not when it is updated: then every member that knows
the updated one as a peer ends, and ends again when it replays the update after its start.

Source: etcd server/etcdserver/api/v3rpc/member.go, MemberUpdate;
server/etcdserver/api/rafthttp/transport.go, UpdatePeer; client/pkg/types/urls.go, NewURLs.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Any

from google.protobuf.message import Message

from etcd_asgi.errors import Denied

_URL = re.compile(r"(?:https?|unixs?)://(?:[A-Za-z0-9._-]*|\[(?P<ipv6>[^\]]*)\]):[0-9]{1,5}")

_SHOWN = 100
"""Characters of a refused URL that the error repeats."""


def check_peer_urls(request: Message) -> None:
    """Refuse a ``MemberUpdate`` that would end etcd.

    Raises:
        Denied: 400; there is no URL, or one is not ``scheme://host:port``.
    """
    message: Any = request
    if not message.peerURLs:
        raise Denied(400, "peerURLs: none is given, but a member needs at least one")
    for url in message.peerURLs:
        if not _is_peer_url(url):
            text = f"peerURLs: {url[:_SHOWN]!r} is not of the form http://10.0.0.1:2380"
            raise Denied(400, text)


def _is_peer_url(url: str) -> bool:
    match = _URL.fullmatch(url)
    if match is None:
        return False
    if (address := match["ipv6"]) is not None:
        try:
            IPv6Address(address)
        except AddressValueError:
            return False
    return True
