"""Deadlines of calls, and which errors a deadline caused, with any code that they came with."""

from __future__ import annotations

import math
import time

from etcd_asgi.errors import UpstreamError
from etcd_asgi.etcd.error_texts import DEADLINE
from etcd_asgi.status import Code

_ALSO = frozenset({Code.CANCELLED, Code.UNKNOWN})
_MARGIN = 0.05
"""Seconds. etcd knows the deadline too, may see it pass first, and then says Canceled, or Unknown
from within a lock or an election. Go's client says DeadlineExceeded all the same."""


class Deadline:
    """Point in time by which a call must have ended, on the monotonic clock.

    Args:
        timeout: seconds until then; ``None``: the call may take any time.
        since: what the seconds are counted from; ``None``: now.
    """

    __slots__ = ("_at",)

    def __init__(self, timeout: float | None, since: float | None = None) -> None:
        if timeout is None:
            self._at = math.inf
        else:
            self._at = (time.monotonic() if since is None else since) + timeout

    def remaining(self) -> float | None:
        """Return the remaining seconds, as a timeout: negative once passed, ``None`` for none."""
        return None if self._at == math.inf else self._at - time.monotonic()

    @property
    def passed(self) -> bool:
        """Check whether no time remains."""
        return time.monotonic() >= self._at

    def check(self) -> None:
        """Refuse to begin a call that has no time remaining.

        Raises:
            UpstreamError: it has passed.
        """
        if self.passed:
            raise exceeded()

    def ended(self, code: int) -> bool:
        """Check whether it has ended the call that ended with *code* just now."""
        is_late = code in _ALSO and time.monotonic() >= self._at - _MARGIN
        return is_late or code == Code.DEADLINE_EXCEEDED


NEVER = Deadline(None)
"""Of calls that may take any time."""


def exceeded(*, local: bool = True) -> UpstreamError:
    """Return the error of a call past its deadline.

    Args:
        local: false where the stock gateway reports it as the end of a stream that has begun.
    """
    return UpstreamError(Code.DEADLINE_EXCEEDED, DEADLINE, local=local)
