"""Requests that end before etcd has answered, as answers and as the ends of streams."""

from __future__ import annotations

from starlette.types import Send

from etcd_asgi.asgi.responses import send_denied, send_error
from etcd_asgi.errors import BodyTooLarge, Denied, Failure, UpstreamError, as_error
from etcd_asgi.flavours import Flavour


async def send_failure(send: Send, flavour: Flavour, failure: Failure | UpstreamError) -> None:
    """Answer with the *flavour*'s error body."""
    if isinstance(failure, Denied):
        await send_denied(send, flavour, failure)
        return
    status = 413 if isinstance(failure, BodyTooLarge) else None
    error = failure if isinstance(failure, UpstreamError) else as_error(failure)
    await send_error(send, flavour, error.code, error.message, status)
