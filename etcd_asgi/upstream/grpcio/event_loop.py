"""The event loops that gRPC's library runs on: asyncio's, uvloop among them, and no other."""

from __future__ import annotations

import asyncio
import logging
from functools import cache

logger = logging.getLogger("etcd_asgi")

NEEDS_ASYNCIO = (
    "this gateway needs asyncio, the only event loop that grpcio runs on:"
    " run hypercorn with -k asyncio, and anyio with the backend asyncio"
)


def complaint() -> str | None:
    """Return why no call can be made here, in words for logs and clients.

    It is meant for the handling of an error, so that calls that succeed do not pay for it. The log
    gets it once for each process.

    Returns:
        ``None`` where asyncio runs, so that something else is wrong.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        _log()
        return NEEDS_ASYNCIO
    return None


@cache
def _log() -> None:
    logger.error(NEEDS_ASYNCIO)
