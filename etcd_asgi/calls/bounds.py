"""Unary calls within the bounds of a gateway: the size of replies, and the bytes under way."""

from __future__ import annotations

from time import monotonic

from etcd_asgi.calls.bindings import Binding
from etcd_asgi.calls.expected_costs import ONE, Asked, ExpectedCosts, cost_of_reply
from etcd_asgi.calls.freed_memory import FreedMemory
from etcd_asgi.calls.response_budget import Budget, Hold
from etcd_asgi.calls.shielded import Outlasting
from etcd_asgi.deadline import exceeded, left_of
from etcd_asgi.errors import UpstreamError, too_long
from etcd_asgi.metadata import Metadata
from etcd_asgi.settings import Limits
from etcd_asgi.upstream import Upstream


class Bounds:
    """What all calls of a gateway share."""

    def __init__(self, limits: Limits, freed: FreedMemory | None = None) -> None:
        self.budget = Budget(limits, freed)
        self.costs = ExpectedCosts(limits)
        self.outlasting = Outlasting()


class BoundedCalls:
    """Makes the unary calls of one RPC, and lets in the large messages of its streams.

    Args:
        binding: of the RPC.
        upstream: where the calls go.
        limits: of the request.
        bounds: of the gateway.
    """

    __slots__ = ("_bounds", "_limits", "_rpc", "_upstream", "_weight")

    def __init__(
        self, binding: Binding, upstream: Upstream, limits: Limits, bounds: Bounds
    ) -> None:
        self._rpc = binding.rpc
        self._weight = bounds.costs.of(binding.name)
        self._upstream = upstream
        self._limits = limits
        self._bounds = bounds

    async def ask(
        self, request: bytes, metadata: Metadata, timeout: float | None
    ) -> tuple[bytes, Hold | None]:
        """Make a call with a serialized message.

        Returns:
            etcd's reply, and what it has of the budget, to be closed, if it is large.

        Raises:
            UpstreamError: the call ended with a status other than OK, its reply is too long, or
                there was no room for it.
        """
        asked = self._weight.heavy(request)
        if asked is not None:
            return await self._ask_for_much(request, asked, metadata, timeout)
        reply = await self._upstream.unary(self._rpc, request, metadata, timeout)
        if len(reply) < self._limits.offload_bytes:
            return reply, None
        return reply, await self.admit(reply, self._limits.room_timeout)

    async def admit(self, reply: bytes, wait: float | None) -> Hold:
        """Let a large message of etcd's be converted, once there is room for it.

        Args:
            reply: the message.
            wait: seconds at most; ``None``: as long as it takes.

        Returns:
            What it has of the budget, to be closed.

        Raises:
            UpstreamError: it is too long, or there was no room for it.
        """
        hold = self._bounds.budget.hold()
        self._weight.learn(ONE, len(reply))
        try:
            await self._admit(reply, hold, wait)
        except BaseException:
            hold.close()
            raise
        return hold

    async def _ask_for_much(
        self, request: bytes, asked: Asked, metadata: Metadata, timeout: float | None
    ) -> tuple[bytes, Hold | None]:
        hold = self._bounds.budget.hold()
        try:
            if cost := self._weight.cost(asked):
                started = monotonic()
                await self._reserve(hold, cost, timeout)
                timeout = left_of(timeout, started)
            reply = await self._reply(request, asked, metadata, timeout, hold)
            self._weight.learn(asked, len(reply))
            if len(reply) >= self._limits.offload_bytes:
                await self._admit(reply, hold, self._limits.room_timeout)
                return reply, hold
        except BaseException:
            hold.close()
            raise
        hold.close()
        return reply, None

    async def _reply(
        self, request: bytes, asked: Asked, metadata: Metadata, timeout: float | None, hold: Hold
    ) -> bytes:
        if not asked.only_reads:
            return await self._upstream.unary(self._rpc, request, metadata, timeout)
        if timeout is not None and timeout <= 0:
            raise exceeded()
        call = self._upstream.unary(self._rpc, request, metadata, None)
        return await self._bounds.outlasting.reply(call, timeout, hold)

    async def _reserve(self, hold: Hold, cost: int, timeout: float | None) -> None:
        wait = self._limits.room_timeout
        if timeout is None or timeout > wait:
            await hold.reserve(cost, wait)
            return
        try:
            await hold.reserve(cost, timeout)
        except UpstreamError:
            raise exceeded() from None

    async def _admit(self, reply: bytes, hold: Hold, wait: float | None) -> None:
        size, limit = len(reply), self._limits.max_answer_bytes
        if size > limit:
            raise too_long(size, limit)
        await hold.go_on(size, cost_of_reply(size), wait)
