"""Sending the responses of unary calls, large ones in slices."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

from starlette.types import Message, Send

from etcd_asgi.endpoints.answers import Headers, emit, events
from etcd_asgi.endpoints.backup import BackupBroken
from etcd_asgi.reply import Reply

logger = logging.getLogger("etcd_asgi")

SLICE_BYTES = 256 * 1024
"""Longest ASGI message of a body: what a client that stalls has not taken stays this small."""


class ClientStalled(BackupBroken):
    """A client that takes no more of a response. The server must close its connection."""


BUFFERED_BYTES = 64 * 1024
"""Shorter responses are sent before their clients take them: they stay in the buffers of servers
and of the operating system."""

LEAST_RATE = 128 * 1024
"""Bytes in a second that a client must take of a large message of a stream, which is sent whole."""


def stalled(seconds: float) -> ClientStalled:
    """Log that a client has taken too little, and make the error that closes its connection."""
    logger.warning("a client did not take a response within %g s: closed", seconds)
    return ClientStalled(f"not taken within {seconds:g} s")


async def send_reply(send: Send, reply: Reply, fields: Headers, stall: float) -> None:
    """Send a response with status 200, and close it.

    Args:
        send: the client's.
        reply: the response.
        fields: headers, in addition to its length.
        stall: seconds for which the client may take nothing of a large response.

    Raises:
        ClientStalled: it took nothing for so long.
        ClientGone: the server says that it has disconnected.
        SendFailed: see :func:`etcd_asgi.endpoints.answers.emit`.
    """
    with reply:
        if reply.is_large:
            await _send_slices(send, reply, fields, stall)
            return
        is_timed = reply.size >= BUFFERED_BYTES
        try:
            async with asyncio.timeout(stall if is_timed else None):
                for event in events(200, b"".join(reply.take()), fields):
                    await emit(send, event)
        except TimeoutError:
            raise stalled(stall) from None


async def _send_slices(send: Send, reply: Reply, fields: Headers, stall: float) -> None:
    head = [*fields, (b"content-length", b"%d" % reply.size)]
    await emit(send, {"type": "http.response.start", "status": 200, "headers": head})
    try:
        for part in _slices(reply):
            async with asyncio.timeout(stall):
                await emit(send, _body(part, more=True))
        await emit(send, _body(b"", more=False))
    except TimeoutError:
        raise stalled(stall) from None


def _slices(reply: Reply) -> Iterator[bytes]:
    for piece in reply.take():
        for at in range(0, len(piece), SLICE_BYTES):
            yield piece[at : at + SLICE_BYTES]


def _body(part: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": part, "more_body": more}
