"""How the exact readers go through messages within messages without recursion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from etcd_asgi.errors import DecodeError

Reading: TypeAlias = "Iterator[Reading]"
"""Fills one message; yields a reading for each message within, to be finished before it goes on."""


def finish(reading: Reading, max_depth: int) -> None:
    """Run *reading* and all that it yields, in order.

    Raises:
        DecodeError: messages are nested more than *max_depth* deep, or what a reading raises.
    """
    stack = [reading]
    while stack:
        if len(stack) > max_depth:
            raise DecodeError(f"request is nested more than {max_depth} messages deep")
        inner = next(stack[-1], None)
        if inner is None:
            stack.pop()
        else:
            stack.append(inner)
