"""The budget of bytes: who waits, who goes on, and that everything is given back."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcd_asgi.calls.bindings import bindings
from etcd_asgi.calls.call import Call
from etcd_asgi.calls.expected_costs import (
    INTERVAL,
    LIGHT,
    ONE,
    Asked,
    ExpectedCosts,
    RpcCosts,
    cost_of_reply,
)
from etcd_asgi.calls.large_response import LargeResponse, convert, held
from etcd_asgi.calls.method import Method
from etcd_asgi.calls.response_budget import Budget, Hold
from etcd_asgi.calls.shared_state import SharedState
from etcd_asgi.calls.unary import unary
from etcd_asgi.codec import Unusual
from etcd_asgi.errors import UpstreamError
from etcd_asgi.flavours import flavour
from etcd_asgi.metadata import Metadata
from etcd_asgi.settings import Limits
from etcd_asgi.status import Code
from tests.drawn import drawn
from tests.unit.namespace.messages import answer, new, request

MIB = 1024 * 1024
SIZE = 100
LONG = 3600.0
BINDINGS = {binding.name: binding for binding in bindings()}


def budget_of(size: int = SIZE) -> Budget:
    return Budget(Limits(max_bytes_under_way=size))


def costs_of(rpc: str, size: int = SIZE) -> RpcCosts:
    return ExpectedCosts(Limits(max_bytes_under_way=size)).of(rpc)


async def turns() -> None:
    """Let everything that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def reserved(budget: Budget, cost: int) -> Hold:
    hold = budget.hold()
    await hold.reserve(cost, LONG)
    return hold


async def test_calls_wait_for_room_first_come_first_served() -> None:
    budget, began = budget_of(), list[str]()
    first = await reserved(budget, 60)

    async def call(name: str, cost: int) -> Hold:
        hold = await reserved(budget, cost)
        began.append(name)
        return hold

    large = asyncio.create_task(call("large", 90))
    small = asyncio.create_task(call("small", 10))
    await turns()
    assert began == []  # the small one would fit, but is not the first
    first.close()
    await turns()
    assert began == ["large", "small"]
    for task in (large, small):
        (await task).close()
    assert budget.held == 0


async def test_a_call_larger_than_the_budget_goes_alone() -> None:
    budget = budget_of()
    first = await reserved(budget, 1)
    huge = asyncio.create_task(reserved(budget, 1000))
    await turns()
    assert not huge.done()
    first.close()
    (await huge).close()
    assert budget.held == 0


async def test_a_call_that_finds_no_room_in_time_is_refused_and_makes_way() -> None:
    budget = budget_of()
    first, second = await reserved(budget, 60), budget.hold()
    waiting = asyncio.create_task(second.reserve(90, 0.01))
    behind = asyncio.create_task(reserved(budget, 40))
    with pytest.raises(UpstreamError, match=r"budget of 100 bytes \(Limits.max_bytes") as caught:
        await waiting
    assert caught.value.code == Code.RESOURCE_EXHAUSTED
    (await behind).close()
    first.close()
    second.close()
    assert budget.held == 0


async def test_a_call_that_is_cancelled_while_it_waits_makes_way() -> None:
    budget = budget_of()
    first = await reserved(budget, 60)
    waiting = asyncio.create_task(reserved(budget, 90))
    behind = asyncio.create_task(reserved(budget, 40))
    await turns()
    waiting.cancel()
    (await behind).close()
    first.close()
    assert budget.held == 0


async def test_a_reply_that_is_larger_than_expected_waits_and_comes_before_calls() -> None:
    budget, order = budget_of(), list[str]()
    one, other = await reserved(budget, 10), await reserved(budget, 10)
    await one.go_on(10, 90, LONG)

    async def reply() -> None:
        await other.go_on(20, 80, LONG)
        order.append("reply")

    async def call() -> Hold:
        hold = await reserved(budget, 1)
        order.append("call")
        return hold

    tasks = asyncio.create_task(call()), asyncio.create_task(reply())
    await turns()
    assert order == []
    assert budget.held == 110  # with the bytes that are there while it waits
    one.close()
    await asyncio.gather(*tasks)
    assert order == ["reply", "call"]
    other.close()
    tasks[0].result().close()
    assert budget.held == 0


async def test_one_reply_goes_on_however_full_the_budget_is() -> None:
    budget = budget_of()
    holds = [await reserved(budget, 30) for _ in range(3)]
    tasks = [asyncio.create_task(hold.go_on(50, 200, LONG)) for hold in holds]
    for hold, task in zip(holds, tasks, strict=True):
        await turns()
        assert [one.done() for one in tasks].count(True) == tasks.index(task) + 1
        hold.close()
    assert budget.held == 0


def test_a_larger_reply_is_expected_at_once_and_a_smaller_one_little_by_little() -> None:
    costs = costs_of("KV.Range", 3200 * MIB)
    asked = costs.asked(request("KV.Range", key=b"a", range_end=b"b").SerializeToString())
    assert costs.expected(asked) == 4 * MIB  # before anything is known
    costs.learn(asked, 400 * MIB)
    assert costs.expected(asked) == 200 * MIB  # a sixteenth of the budget: others ask for less
    for _ in range(200):
        costs.learn(asked, 100)
    costs.learn(asked, 40 * MIB)
    assert costs.expected(asked) == cost_of_reply(40 * MIB)
    costs.learn(asked, 100)
    assert 80 * MIB < costs.expected(asked) < cost_of_reply(40 * MIB)
    for _ in range(200):
        costs.learn(asked, 100)
    assert costs.expected(asked) == MIB


@pytest.mark.parametrize(
    ("rpc", "fields", "asked"),
    [
        ("KV.Range", {"key": b"a"}, ONE),
        ("KV.Range", {"key": b"a", "range_end": b"\0"}, INTERVAL),
        ("KV.Put", {"key": b"a\n\n\x12", "value": b"\n" * 1000}, ONE),
        ("KV.DeleteRange", {"key": b"a", "range_end": b"b", "prev_kv": True}, INTERVAL),
    ],
)
def test_intervals_are_told_from_single_keys(rpc: str, fields: Any, asked: Asked) -> None:
    costs = costs_of(rpc)
    message = request(rpc, **fields).SerializeToString()
    assert costs.asked(message) == asked
    assert (costs.heavy(message) is None) == (asked == ONE)


def test_a_transaction_counts_what_its_larger_branch_reads() -> None:
    costs, txn = costs_of("KV.Txn"), new("TxnRequest")
    for _ in range(3):
        txn.success.add().request_range.CopyFrom(new("RangeRequest", key=b"a", range_end=b"b"))
    inner = txn.failure.add().request_txn
    for _ in range(60):
        inner.success.add().request_range.CopyFrom(new("RangeRequest", key=b"a", range_end=b"b"))
    inner.success.add().request_range.key = b"one"
    inner.success.add().request_put.value = b"\n" * 99
    inner.success.add().request_delete_range.range_end = b"x"
    inner.success[-1].request_delete_range.prev_kv = True
    message = txn.SerializeToString()
    assert costs.heavy(message) is not None
    assert costs.asked(message) == (61, 1, False)
    assert costs.expected(Asked(61, 1)) > 61 * 4 * MIB


def test_a_transaction_that_reads_nothing_costs_nothing() -> None:
    costs, txn = costs_of("KV.Txn"), new("TxnRequest")
    for number in range(9):
        txn.success.add().request_put.key = b"%d" % number
    assert costs.expected(costs.asked(txn.SerializeToString())) == 0


def test_a_transaction_too_deep_for_the_parser_counts_at_least_what_it_reads() -> None:
    costs, txn = costs_of("KV.Txn"), new("TxnRequest")
    inner = txn
    for _ in range(60):
        inner.success.add().request_range.CopyFrom(new("RangeRequest", key=b"a", range_end=b"b"))
        inner = inner.success.add().request_txn
    message = txn.SerializeToString()
    assert costs.heavy(message) is not None
    assert 60 <= costs.asked(message).intervals < 200


def test_calls_for_one_key_reserve_once_their_replies_are_large() -> None:
    costs = costs_of("KV.Range")
    message = request("KV.Range", key=b"a").SerializeToString()
    assert costs.heavy(message) is None
    costs.learn(ONE, LIGHT)
    assert costs.heavy(message) is not None


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "finish", "cancel", "fail", "turn"]),
        st.integers(0, 7),
        st.integers(0, 3 * MIB),
    ),
    max_size=40,
)


class DrawnUpstream:
    """Calls that end when, and how, a test says."""

    def __init__(self) -> None:
        self.calls: list[asyncio.Future[bytes]] = []

    async def unary(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> bytes:
        self.calls.append(asyncio.get_running_loop().create_future())
        return await self.calls[-1]

    def end(self, at: int, size: int | None) -> None:
        waiting = [call for call in self.calls if not call.done()]
        if waiting and size is None:
            waiting[at % len(waiting)].set_exception(UpstreamError(14, "gone"))
        elif waiting:
            message = answer("KV.Range", count=1)
            message.kvs.add(key=b"k", value=bytes(size or 0))
            waiting[at % len(waiting)].set_result(message.SerializeToString())


def range_call(upstream: DrawnUpstream, limits: Limits, shared: SharedState) -> Call:
    """A call of a gateway without a policy."""
    way: Any = upstream  # all that is used of one
    method = Method(BINDINGS["KV.Range"], flavour("3.6"), limits, way, shared)
    return Call(method, method.transcoder(), limits, way, [])


async def carry(call: Call, number: int) -> None:
    """Call, and read the response, or part of it."""
    body = b'{"key":"YQ==","range_end":"Yg=="}' if number % 3 else b'{"key":"YQ=="}'
    reply = await unary(call, body)
    with held(reply):
        for _ in reply.take() if isinstance(reply, LargeResponse) else (reply,):
            await asyncio.sleep(0)
            if number % 5 == 4:
                break


@settings(max_examples=drawn(60))
@given(steps=STEPS)
def test_whatever_becomes_of_calls_all_is_given_back(steps: list[tuple[str, int, int]]) -> None:
    async def run() -> None:
        limits = Limits(
            max_bytes_under_way=5 * MIB, max_answer_bytes=2 * MIB, offload_bytes=64 * 1024
        )
        upstream, shared = DrawnUpstream(), SharedState(limits)
        budget = shared.budget
        call = range_call(upstream, limits, shared)
        tasks: list[asyncio.Task[None]] = []
        for step, at, size in steps:
            match step:
                case "begin":
                    tasks.append(asyncio.create_task(carry(call, at)))
                case "cancel" if tasks:
                    tasks[at % len(tasks)].cancel()
                case "finish":
                    upstream.end(at, size)
                case "fail":
                    upstream.end(at, None)
            await asyncio.sleep(0)
        while not all(task.done() for task in tasks):
            upstream.end(0, 100)
            await asyncio.sleep(0)
        for task in tasks:
            with suppress(UpstreamError, CancelledError):
                await task
        await until(lambda: budget.held == 0)

    asyncio.run(run())


@pytest.mark.parametrize("body", [b'{"key":"YQ=="}', b'{"key":"YQ==","range_end":"Yg=="}'])
@pytest.mark.parametrize("end", ["fails", "is too long", "is cancelled"])
async def test_a_call_that_ends_early_gives_its_bytes_back(body: bytes, end: str) -> None:
    limits = Limits(max_answer_bytes=MIB)
    upstream, shared = DrawnUpstream(), SharedState(limits)
    budget = shared.budget
    call = range_call(upstream, limits, shared)
    task = asyncio.create_task(unary(call, body))
    await until(lambda: bool(upstream.calls))
    assert (budget.held > 0) == (b"range_end" in body)
    if end == "is cancelled":
        task.cancel()
    else:
        upstream.end(0, None if end == "fails" else 2 * MIB)
    with suppress(CancelledError, UpstreamError):
        await task
    assert task.cancelled() or task.exception()
    assert budget.held == 0


async def test_a_reply_that_is_cancelled_while_it_waits_gives_its_bytes_back() -> None:
    limits = Limits(max_bytes_under_way=2 * MIB)
    upstream, shared = DrawnUpstream(), SharedState(limits)
    budget = shared.budget
    call = range_call(upstream, limits, shared)
    first = budget.hold()
    await first.go_on(1, 2 * MIB, LONG)
    task = asyncio.create_task(unary(call, b'{"key":"YQ=="}'))
    await until(lambda: bool(upstream.calls))
    upstream.end(0, MIB)
    await until(lambda: budget.held > 3 * MIB)
    task.cancel()
    with suppress(CancelledError):
        await task
    assert budget.held == 2 * MIB
    first.close()
    assert budget.held == 0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - nothing sets an event
            await asyncio.sleep(0)


async def test_a_cancelled_conversion_has_its_bytes_until_its_thread_stops() -> None:
    budget = budget_of()
    hold, loop = await reserved(budget, 50), asyncio.get_running_loop()
    began, go_on = asyncio.Event(), asyncio.Event()
    made: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(100):
            made.append(number)
            loop.call_soon_threadsafe(began.set)
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
            yield b"x"

    task = asyncio.create_task(convert(pieces(), lambda: b"", hold))
    await began.wait()
    task.cancel()
    with suppress(CancelledError):
        await task
    assert budget.held == 50
    go_on.set()
    await until(lambda: budget.held == 0)
    assert made == [0]


async def test_a_conversion_that_fails_gives_its_bytes_back() -> None:
    budget = budget_of()
    hold = await reserved(budget, 50)

    def broken() -> Iterator[bytes]:
        yield b"x"
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await convert(broken(), lambda: b"", hold)
    assert budget.held == 0


async def test_what_cannot_be_converted_in_slices_is_converted_as_a_whole() -> None:
    budget = budget_of()
    hold = await reserved(budget, 50)

    def unusual() -> Iterator[bytes]:
        yield b"part"
        raise Unusual("odd")

    with closing(await convert(unusual(), lambda: b"the whole", hold)) as reply:
        assert b"".join(reply.take()) == b"the whole"
    assert budget.held == 0


async def test_a_response_gives_back_what_has_been_sent() -> None:
    budget = budget_of()
    hold = await reserved(budget, 30)
    with closing(LargeResponse([b"a" * 10, b"b" * 20], hold)) as reply:
        pieces = reply.take()
        assert (next(pieces), budget.held) == (b"a" * 10, 30)
        assert (next(pieces), budget.held) == (b"b" * 20, 20)
    assert budget.held == 0


async def test_each_event_loop_has_a_budget_of_its_own() -> None:
    budget = budget_of()
    hold = await reserved(budget, 100)

    async def elsewhere() -> int:
        (await reserved(budget, 100)).close()
        return budget.held

    assert await asyncio.to_thread(asyncio.run, elsewhere()) == 0
    assert budget.held == 100
    hold.close()
