"""The state that all calls of a gateway share."""

from __future__ import annotations

from etcd_asgi.calls.expected_costs import ExpectedCosts
from etcd_asgi.calls.freed_memory import FreedMemory
from etcd_asgi.calls.response_budget import Budget
from etcd_asgi.calls.shielded import ShieldedCalls
from etcd_asgi.settings import Limits


class SharedState:
    """The budget of a gateway's responses, their expected costs, and its shielded calls."""

    def __init__(self, limits: Limits, freed: FreedMemory | None = None) -> None:
        self.budget = Budget(limits, freed)
        self.costs = ExpectedCosts(limits)
        self.shielded = ShieldedCalls()
