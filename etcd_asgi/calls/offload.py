"""Work in threads, as it would hold up the event loop."""

from __future__ import annotations

import asyncio

in_thread = asyncio.to_thread
"""Run a function in a thread of the pool. Each caller has a limit of size, below which it works on
the loop, as the change to a thread would cost a small call more than its JSON."""
