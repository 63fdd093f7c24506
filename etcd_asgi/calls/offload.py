"""Work that would hold up the event loop: it is done in a thread."""

from __future__ import annotations

import asyncio

in_thread = asyncio.to_thread
"""Run a function in a thread of the pool. What is small is done on the loop: each caller has the
limit from which on it is not, as the way here costs a small call more than its JSON."""
