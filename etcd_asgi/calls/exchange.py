"""Exchanges with large replies, within the budget of the gateway."""

from __future__ import annotations

from etcd_asgi.calls.call import Call
from etcd_asgi.calls.expected_costs import ONE, Asked, cost_of_reply
from etcd_asgi.calls.response_budget import Hold
from etcd_asgi.deadline import exceeded
from etcd_asgi.errors import UpstreamError, too_long


async def hold_for(call: Call, reply: bytes, wait: float | None) -> Hold:
    """Wait until there is room in the budget to convert a large message of etcd's.

    Args:
        call: that it belongs to.
        reply: the message.
        wait: seconds at most; ``None``: as long as it takes.

    Returns:
        Its part of the budget, to be closed.

    Raises:
        UpstreamError: it is too long, or there was no room for it.
    """
    hold = call.method.shared.budget.hold()
    call.method.costs.learn(ONE, len(reply))
    try:
        await _admit(call, reply, hold, wait)
    except BaseException:
        hold.close()
        raise
    return hold


async def exchange_much(call: Call, request: bytes, asked: Asked) -> tuple[bytes, Hold | None]:
    """Send a request that may bring a large reply, once there is room for it.

    See :func:`etcd_asgi.calls.unary.exchange`.
    """
    costs, limits = call.method.costs, call.limits
    hold = call.method.shared.budget.hold()
    try:
        if cost := costs.expected(asked):
            await _reserve(call, hold, cost)
        reply = await _reply(call, request, asked, hold)
        costs.learn(asked, len(reply))
        if len(reply) >= limits.offload_bytes:
            await _admit(call, reply, hold, limits.room_timeout)
            return reply, hold
    except BaseException:
        hold.close()
        raise
    hold.close()
    return reply, None


async def _reply(call: Call, request: bytes, asked: Asked, hold: Hold) -> bytes:
    method, timeout = call.method, call.timeout()
    if not asked.only_reads:
        return await call.upstream.unary(method.rpc, request, call.metadata, timeout)
    if timeout is not None and timeout <= 0:
        raise exceeded()
    made = call.upstream.unary(method.rpc, request, call.metadata, None)
    return await method.shared.shielded.reply(made, timeout, hold)


async def _reserve(call: Call, hold: Hold, cost: int) -> None:
    wait, timeout = call.limits.room_timeout, call.timeout()
    if timeout is None or timeout > wait:
        await hold.reserve(cost, wait)
        return
    try:
        await hold.reserve(cost, timeout)
    except UpstreamError:
        raise exceeded() from None


async def _admit(call: Call, reply: bytes, hold: Hold, wait: float | None) -> None:
    size, limit = len(reply), call.limits.max_answer_bytes
    if size > limit:
        raise too_long(size, limit)
    await hold.go_on(size, cost_of_reply(size), wait)
