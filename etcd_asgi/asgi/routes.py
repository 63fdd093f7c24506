"""The table of paths: every binding under every version prefix."""

from __future__ import annotations

import re
from collections.abc import Mapping

from etcd_asgi.arguments import wrong_type
from etcd_asgi.calls.bindings import bindings
from etcd_asgi.calls.method import Method
from etcd_asgi.calls.shared_state import SharedState
from etcd_asgi.calls.waiting import WAITING, WaitingCalls, WaitingUpstream
from etcd_asgi.flavours import Flavour, flavour
from etcd_asgi.settings import Limits
from etcd_asgi.upstream import Upstream

DEFAULT_VERSIONS: Mapping[str, str] = {"v3": "3.6", "v3beta": "3.5"}
"""Version prefixes served by default, and the release whose behaviour each has."""


class Routes:
    """The methods by their paths, and the flavours by their prefixes.

    Args:
        versions: version prefix to name of flavour.
        limits: of the requests.
        upstream: where calls go.
        waiting: carries those that wait for a lock or an election.
        shared: state of all calls of the gateway.

    Raises:
        ValueError: a prefix or flavour is not valid.
    """

    def __init__(
        self,
        versions: Mapping[str, str],
        limits: Limits,
        upstream: Upstream,
        waiting: WaitingCalls,
        shared: SharedState,
    ) -> None:
        self.flavours = _flavours(versions)
        """By prefix, in the order given."""

        self.first = next(iter(self.flavours.values()))
        """The flavour of the paths outside of every prefix."""

        counted = WaitingUpstream(upstream, waiting)
        self.by_path = {
            f"/{prefix}{binding.path}": Method(
                binding, one, limits, counted if binding.rpc in WAITING else upstream, shared
            )
            for prefix, one in self.flavours.items()
            for binding in bindings()
        }

    def flavour_of(self, path: str) -> Flavour | None:
        """Return the flavour of the version prefix of *path*, if it has one."""
        return self.flavours.get(path[1:].partition("/")[0])

    def find(self, path: str, one: Flavour) -> Method | None:
        """Return the method of *path*, as the flavour *one* reads paths."""
        return self.by_path.get(path.removesuffix(":") if one.trailing_colon else path)


def _flavours(versions: object) -> dict[str, Flavour]:
    if not isinstance(versions, Mapping):
        raise wrong_type("versions= takes a mapping such as {'v3': '3.6'}", versions)
    if not versions:
        raise ValueError("versions= names no prefix: give for example {'v3': '3.6'}")
    for prefix in versions:
        if not isinstance(prefix, str):
            raise wrong_type("a prefix in versions= is one path segment, such as 'v3'", prefix)
        if not _SEGMENT.fullmatch(prefix) or prefix in (".", ".."):
            raise ValueError(f"a prefix in versions= is one path segment, not {prefix!r}")
        if prefix in _OWN_NAMES:
            raise ValueError(f"a prefix in versions= must not be {prefix!r}: that path is served")
    return {prefix: flavour(name) for prefix, name in versions.items()}


_OWN_NAMES = frozenset(
    {"client.d.ts", "client.js", "explorer", "grant", "health", "livez", "readyz", "version"}
)
"""Paths of the gateway beside the prefixes."""

_SEGMENT = re.compile(r"[^/?#%\\\s\x00-\x1f\x7f]+")
