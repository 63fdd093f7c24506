"""Responses to requests that end before etcd has replied."""

from __future__ import annotations

from starlette.types import Send

from etcd_asgi.asgi.request import Request
from etcd_asgi.asgi.responses import after_short_body, send_denied, send_error
from etcd_asgi.errors import BodyTooLarge, Denied, Failure, UpstreamError, as_error
from etcd_asgi.flavours import Flavour


async def refuse(request: Request, flavour: Flavour, failure: Failure) -> None:
    """Refuse a request of which nothing has been read, with the *flavour*'s error body."""
    await send_failure(await after_short_body(request), flavour, failure)


async def send_failure(send: Send, flavour: Flavour, failure: Failure | UpstreamError) -> None:
    """Send the *flavour*'s error body."""
    if isinstance(failure, Denied):
        await send_denied(send, flavour, failure)
        return
    status = 413 if isinstance(failure, BodyTooLarge) else None
    error = failure if isinstance(failure, UpstreamError) else as_error(failure)
    await send_error(send, flavour, error.code, error.message, status)
