"""Clients that take too little of a response."""

from __future__ import annotations

import logging

from etcd_asgi.errors import ClientStalled

logger = logging.getLogger("etcd_asgi")

LEAST_RATE = 128 * 1024
"""Bytes in a second that a client must take of a large message of a stream, which is sent whole."""


def stalled(seconds: float) -> ClientStalled:
    """Log that a client has taken too little, and make the error that closes its connection."""
    logger.warning("a client did not take a response within %g s: closed", seconds)
    return ClientStalled(f"not taken within {seconds:g} s")
