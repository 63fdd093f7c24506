"""Errors that no endpoint expects: disconnects among them, and logged."""

from __future__ import annotations

import logging

from starlette.requests import ClientDisconnect
from starlette.types import Receive
from starlette.websockets import WebSocketDisconnect

from etcd_asgi.asgi.responses import has_disconnected
from etcd_asgi.errors import ClientDisconnected, SendFailed

logger = logging.getLogger("etcd_asgi")


def log_error(text: str, path: str, error: Exception) -> None:
    """Log an error, with its traceback unless it is from sending.

    Most often a response cannot be sent because its client has disconnected, which not every server
    reports: a client shall not be able to fill the log.
    """
    if isinstance(error, SendFailed):
        logger.warning(f"{text}: it cannot be sent: %r", path, error.__cause__)  # noqa: G004
        logger.debug("this is why:", exc_info=error)
    else:
        logger.error(text, path, exc_info=error)


async def is_disconnect(error: Exception, receive: Receive) -> bool:
    """Return True if a request has ended in *error* as its client has disconnected.

    Servers, and middleware of the host, raise errors of many kinds where they cannot send.
    """
    if isinstance(error, SendFailed):
        return await has_disconnected(receive)
    return isinstance(error, _DISCONNECTS)


_DISCONNECTS = (ClientDisconnected, ClientDisconnect, WebSocketDisconnect)
