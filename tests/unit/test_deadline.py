"""Deadlines: how much time is left, and which ends of calls they made."""

from __future__ import annotations

import math

import pytest

from etcd_asgi import UpstreamError
from etcd_asgi.deadline import NEVER, Deadline
from etcd_asgi.status import Code


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock, as a list with the time."""
    now = [100.0]
    monkeypatch.setattr("etcd_asgi.deadline.time.monotonic", lambda: now[0])
    return now


def test_the_time_that_is_left_becomes_less(clock: list[float]) -> None:
    deadline = Deadline(5)
    assert deadline.remaining() == 5
    clock[0] += 2
    assert deadline.remaining() == 3
    assert not deadline.passed
    clock[0] += 4
    assert deadline.remaining() == -1
    assert deadline.passed


@pytest.mark.usefixtures("clock")
def test_the_time_may_be_counted_from_an_earlier_moment() -> None:
    assert Deadline(5, 98.0).remaining() == 3
    assert Deadline(5, 0.0).passed


@pytest.mark.parametrize("deadline", [NEVER, Deadline(None), Deadline(None, 1.0)])
def test_a_call_without_a_deadline_has_any_time(deadline: Deadline) -> None:
    assert deadline.remaining() is None
    assert not deadline.passed
    deadline.check()


@pytest.mark.parametrize("timeout", [0.0, -1.0, -math.inf])
def test_no_call_is_begun_without_time(timeout: float) -> None:
    with pytest.raises(UpstreamError) as caught:
        Deadline(timeout).check()
    assert caught.value.args == (4, "context deadline exceeded")
    assert caught.value.local


@pytest.mark.parametrize(
    ("code", "elapsed", "ended"),
    [
        (Code.DEADLINE_EXCEEDED, 0.0, True),
        (Code.CANCELLED, 0.0, False),
        (Code.UNKNOWN, 0.0, False),
        (Code.CANCELLED, 4.96, True),  # etcd has seen it pass a little earlier
        (Code.UNKNOWN, 4.96, True),
        (Code.UNAVAILABLE, 6.0, False),
    ],
)
def test_some_codes_are_the_deadlines_once_it_has_passed(
    clock: list[float], code: Code, elapsed: float, *, ended: bool
) -> None:
    deadline = Deadline(5)
    clock[0] += elapsed
    assert deadline.ended(code) is ended


@pytest.mark.parametrize("code", [Code.CANCELLED, Code.UNKNOWN])
def test_without_a_deadline_a_cancelled_call_was_cancelled(code: Code) -> None:
    assert not NEVER.ended(code)
    assert NEVER.ended(Code.DEADLINE_EXCEEDED)  # etcd has deadlines of its own
