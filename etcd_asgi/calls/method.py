"""An RPC as a gateway serves it: the state that its calls have in common."""

from __future__ import annotations

from etcd_asgi.calls.bindings import Binding
from etcd_asgi.calls.shared_state import SharedState
from etcd_asgi.calls.transcoder import Transcoder
from etcd_asgi.codec.modes import DEFAULT, Modes
from etcd_asgi.flavours import Flavour
from etcd_asgi.settings import Limits
from etcd_asgi.upstream import Upstream


class Method:
    """An RPC under one version prefix.

    Args:
        binding: its row of the table.
        flavour: the release whose JSON it reads and writes.
        limits: of its calls.
        upstream: carries its calls, unless a call has an upstream of its own.
        shared: state of all calls of the gateway.
    """

    __slots__ = (
        "_others",
        "binding",
        "costs",
        "default",
        "flavour",
        "is_watch",
        "kind",
        "limits",
        "name",
        "rpc",
        "shared",
        "upstream",
    )

    def __init__(
        self,
        binding: Binding,
        flavour: Flavour,
        limits: Limits,
        upstream: Upstream,
        shared: SharedState,
    ) -> None:
        self.binding = binding
        self.rpc = binding.rpc
        self.name = binding.name
        self.kind = binding.kind
        self.is_watch = binding.name == "Watch.Watch"
        self.flavour = flavour
        self.limits = limits
        self.upstream = upstream
        self.shared = shared
        self.costs = shared.costs.of(binding.name)
        self.default = Transcoder(binding, flavour, limits, DEFAULT)
        self._others: dict[Modes, Transcoder] = {}

    def transcoder(self, modes: Modes = DEFAULT) -> Transcoder:
        """Return the transcoder for bytes as *modes* has them."""
        if modes is DEFAULT:
            return self.default
        found = self._others.get(modes)
        if found is None:
            found = Transcoder(self.binding, self.flavour, self.limits, modes)
            self._others[modes] = found
        return found
