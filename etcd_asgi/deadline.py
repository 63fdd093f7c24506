"""Deadlines of calls, and the errors that they cause, whatever code these come with."""

from __future__ import annotations

import math
import time

from etcd_asgi.errors import UpstreamError
from etcd_asgi.status import Code

DEADLINE = "context deadline exceeded"
"""What Go's gRPC says of a deadline: grpc-go status/status.go, FromContextError."""

_ALSO = frozenset({Code.CANCELLED, Code.UNKNOWN})
_MARGIN = 0.05
"""Seconds. etcd knows the deadline too, may see it pass first, and then says Canceled, or Unknown
from within a lock or an election. Go's client says DeadlineExceeded all the same."""


class Deadline:
    """The time at which a call must be over.

    Args:
        timeout: seconds from now; zero or less: it has passed.
    """

    __slots__ = ("_at",)

    def __init__(self, timeout: float) -> None:
        self._at = time.monotonic() + timeout

    def left(self) -> float:
        """Return the seconds that are left; zero or less: it has passed."""
        return self._at - time.monotonic()


def exceeded(*, local: bool = True) -> UpstreamError:
    """The error of a call whose deadline has passed.

    Args:
        local: false where the stock gateway tells it as the end of a stream that has begun.
    """
    return UpstreamError(Code.DEADLINE_EXCEEDED, DEADLINE, local=local)


def passes_at(timeout: float | None, started: float) -> float:
    """When an end of a call that *started* then counts as its deadline's; monotonic clock."""
    return math.inf if timeout is None else started + timeout - _MARGIN


def left_of(timeout: float | None, started: float) -> float | None:
    """Seconds left of a *timeout* that *started* then; none, if there is none."""
    return None if timeout is None else started + timeout - time.monotonic()


def ended_by(deadline: float, code: int) -> bool:
    """Whether an end with *code*, which came just now, is the deadline's."""
    return code == Code.DEADLINE_EXCEEDED or (code in _ALSO and time.monotonic() >= deadline)
