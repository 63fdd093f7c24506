"""Conversions that would hold up the event loop: they are made in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sized
from typing import TypeVar

Data = TypeVar("Data", bound=Sized)
Result = TypeVar("Result")

in_thread = asyncio.to_thread


async def offload(convert: Callable[[Data], Result], data: Data, limit: int) -> Result:
    """Convert *data*, in a thread if its length is *limit* or more."""
    return convert(data) if len(data) < limit else await in_thread(convert, data)
