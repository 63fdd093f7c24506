"""Long responses, sent in slices, each with a time limit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator

from starlette.types import Message, Send

from etcd_asgi.asgi.responses import Headers, emit
from etcd_asgi.calls.large_response import LargeResponse
from etcd_asgi.calls.stalled_client import stalled

logger = logging.getLogger("etcd_asgi")

SLICE_BYTES = 256 * 1024
"""Longest ASGI message of a body: a client that stalls keeps no more in memory."""

BUFFERED_BYTES = 64 * 1024
"""Shorter responses are sent before their clients take them: they stay in the buffers of servers
and of the operating system."""


async def send_long(
    send: Send, response: bytes | LargeResponse, fields: Headers, stall: float
) -> None:
    """Send a long response with status 200.

    Args:
        send: of the request.
        response: a large one is sent in slices.
        fields: headers, in addition to its length.
        stall: seconds for which the client may take none of it.

    Raises:
        ClientStalled: it took none for so long.
        ClientDisconnected: the server reports it.
        SendFailed: see :func:`etcd_asgi.asgi.responses.emit`.
    """
    if isinstance(response, LargeResponse):
        length, chunks = response.size, response.take()
    else:
        length, chunks = len(response), iter((response,))
    head = [*fields, (b"content-length", b"%d" % length)]
    await emit(send, {"type": "http.response.start", "status": 200, "headers": head})
    try:
        for part in _slices(chunks):
            async with asyncio.timeout(stall):
                await emit(send, _body(part, more=True))
        await emit(send, _body(b"", more=False))
    except TimeoutError:
        raise stalled(stall) from None


def _slices(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for at in range(0, len(chunk), SLICE_BYTES):
            yield chunk[at : at + SLICE_BYTES]


def _body(part: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": part, "more_body": more}
