"""The waiting calls of a gateway."""

from __future__ import annotations

from functools import partial

from etcd_asgi.calls.waiting.pacer import Pacer
from etcd_asgi.calls.waiting.places import Places, User
from etcd_asgi.calls.waiting.stream import WaitingStream
from etcd_asgi.calls.waiting.unary import CAMPAIGN, LOCK, WaitingUnary
from etcd_asgi.errors import GatewayClosing
from etcd_asgi.metadata import Metadata
from etcd_asgi.per_loop import PerLoop
from etcd_asgi.settings import Limits
from etcd_asgi.upstream import Upstream, UpstreamStream

OBSERVE = "/v3electionpb.Election/Observe"

WAITING = frozenset({LOCK, CAMPAIGN, OBSERVE})
"""Full gRPC names of the RPCs that wait in etcd for a lock or an election."""

Call = WaitingUnary | WaitingStream


class WaitingCalls:
    """Waiting calls of a gateway, which are ended one after the other.

    Args:
        limits: of their number, and the pause between two ends.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.places = Places(limits)
        self._on_loops = PerLoop(partial(_OnLoop, limits))

    def __len__(self) -> int:
        return len(self.places)

    def unary(self, upstream: Upstream, rpc: str, metadata: Metadata, user: User) -> WaitingUnary:
        """Begin a call that has a place of *user*."""
        here = self._on_loops.here()
        release = partial(self._release, here, user)
        call = WaitingUnary(upstream, rpc, metadata, self.limits, here.pacer, release)
        here.calls.add(call)
        return call

    def stream(self, call: UpstreamStream, timeout: float | None, user: User) -> WaitingStream:
        """Take over a stream that has a place of *user*."""
        here = self._on_loops.here()
        one = WaitingStream(call, timeout, here.pacer, partial(self._release, here, user))
        here.calls.add(one)
        return one

    async def aclose(self) -> None:
        """End the calls of the running event loop, and wait until they have ended."""
        here = self._on_loops.take()
        if here is None:
            return
        for call in list(here.calls):
            call.end(GatewayClosing(local=True))
        await here.pacer.drain(self.limits.close_timeout)

    def _release(self, here: _OnLoop, user: User, call: Call) -> None:
        here.calls.discard(call)
        self.places.give_back(user)


class _OnLoop:
    """Waiting calls of one event loop, and their pacer."""

    __slots__ = ("calls", "pacer")

    def __init__(self, limits: Limits) -> None:
        self.calls: set[Call] = set()
        self.pacer = Pacer(limits.waiting_cancel_pause)
