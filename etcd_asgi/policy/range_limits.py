"""Limits the keys that a caller may read with one request: ``Grant.max_range_limit``.

The ranges of a transaction share the limit, with those of transactions within. Only one branch of a
transaction is carried out, so the ranges of either have the whole of it.

Rule 1: a range of a single key takes one, as does one that only counts.
Rule 2: a range with a limit takes as much as that; where there is less, those behind get less.
Rule 3: ranges without a limit share what is left, as evenly as whole numbers allow.
Rule 4: each range gets at least one. A transaction with more ranges than keys is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from etcd_asgi.errors import Denied


def apply(rpc: str, message: Any, most: int) -> None:
    """Set the limits of a request's ranges, so that together they give at most *most* keys.

    Args:
        rpc: its name; no other than ``KV.Range`` and ``KV.Txn`` has ranges.
        message: the request, changed in place.
        most: keys.

    Raises:
        Denied: it has more ranges than keys.
    """
    if rpc not in ("KV.Range", "KV.Txn"):
        return
    reader = _Range(message) if rpc == "KV.Range" else _Txn(message)
    if reader.least > most:
        raise Denied(
            403,
            f"a transaction with {reader.least} ranges is not granted: the ranges that are carried"
            f" out together share a limit of {most} keys, of which each needs one",
        )
    reader.give(most)


class _Range:
    """A range of a request."""

    least = 1
    """Keys that it needs."""

    def __init__(self, message: Any) -> None:
        self._message = message
        is_one = not message.range_end or message.count_only
        self.more = message.limit - 1 if message.limit > 0 and not is_one else 0
        """Keys that it takes beyond that."""

        self.shares = int(message.limit <= 0 and not is_one)
        """Ranges without a limit that share what is left."""

    def give(self, keys: int) -> None:
        """Set the limit."""
        if self.shares or self.more:
            limit = self._message.limit
            self._message.limit = min(limit, keys) if self.more else keys


class _Txn:
    """A transaction, which takes the keys of one of its branches: of each, the larger number."""

    def __init__(self, message: Any) -> None:
        self._branches: list[list[_Range | _Txn]] = [
            _readers(message.success),
            _readers(message.failure),
        ]
        self.least: int = max(sum(one.least for one in branch) for branch in self._branches)
        self.more: int = max(sum(one.more for one in branch) for branch in self._branches)
        self.shares: int = max(sum(one.shares for one in branch) for branch in self._branches)

    def give(self, keys: int) -> None:
        """Set the limits of both branches."""
        for branch in self._branches:
            _share(branch, keys)


def _readers(operations: Iterable[Any]) -> list[_Range | _Txn]:
    readers: list[_Range | _Txn] = []
    for operation in operations:
        match operation.WhichOneof("request"):
            case "request_range":
                readers.append(_Range(operation.request_range))
            case "request_txn":
                readers.append(_Txn(operation.request_txn))
    return readers


def _share(readers: list[_Range | _Txn], keys: int) -> None:
    """Give *keys* to readers that run together; they are enough for the least of each."""
    left = keys - sum(one.least for one in readers)
    limited = []
    for one in readers:
        limited.append(min(one.more, left))
        left -= limited[-1]
    shares = sum(one.shares for one in readers)
    for one, more in zip(readers, limited, strict=True):
        share = left * one.shares // shares if one.shares else 0
        left, shares = left - share, shares - one.shares
        one.give(one.least + more + share)
