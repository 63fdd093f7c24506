"""Requests that end before etcd has answered, as answers and as the ends of streams."""

from __future__ import annotations

from starlette.types import Send

from etcd_asgi.endpoints.answers import send_denied, send_error
from etcd_asgi.endpoints.bodies import BodyTooLarge
from etcd_asgi.errors import DecodeError, Denied, UpstreamError
from etcd_asgi.flavours import Flavour
from etcd_asgi.status import Code

Failure = BodyTooLarge | DecodeError | Denied
"""What is wrong with a request, found on this side."""


async def send_failure(send: Send, flavour: Flavour, failure: Failure | UpstreamError) -> None:
    """Answer with the *flavour*'s error body."""
    if isinstance(failure, Denied):
        await send_denied(send, flavour, failure)
        return
    status = 413 if isinstance(failure, BodyTooLarge) else None
    error = failure if isinstance(failure, UpstreamError) else as_error(failure)
    await send_error(send, flavour, error.code, error.message, status)


def as_error(failure: Failure, *, local: bool = True) -> UpstreamError:
    """What ends a call with *failure*; not *local* when the call had begun."""
    if isinstance(failure, Denied):
        return UpstreamError(failure.code, failure.message, local=local)
    large = isinstance(failure, BodyTooLarge)
    code = Code.RESOURCE_EXHAUSTED if large else Code.INVALID_ARGUMENT
    return UpstreamError(code, str(failure), local=local)
