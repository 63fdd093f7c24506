"""The JSON of a large response, in chunks, and the part of the budget that it takes."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext

from etcd_asgi.calls.response_budget import Hold
from etcd_asgi.codec import Unusual

CHUNK_BYTES = 128 * 1024
"""Shorter chunks are put together up to this length."""


class LargeResponse:
    """The JSON of a large response, until it is closed."""

    __slots__ = ("_chunks", "_hold")

    def __init__(self, chunks: list[bytes], hold: Hold) -> None:
        self._chunks = chunks
        self._hold = hold

    @property
    def size(self) -> int:
        """Return the bytes of all chunks that have not been taken."""
        return sum(map(len, self._chunks))

    def take(self) -> Iterator[bytes]:
        """Iterate over the chunks. Each gives its bytes back when the next is asked for."""
        chunks, hold = self._chunks, self._hold
        chunks.reverse()
        while chunks:
            chunk = chunks.pop()
            yield chunk
            hold.resize(max(0, hold.size - len(chunk)))

    def text(self) -> str:
        """Put the chunks together; there are none afterwards."""
        chunks, self._chunks = self._chunks, []
        chunks.reverse()
        decoded = []
        while chunks:
            decoded.append(chunks.pop().decode())
        return "".join(decoded)

    def close(self) -> None:
        """Give back all bytes of the response."""
        self._chunks = []
        self._hold.close()


_NOTHING = nullcontext()


def held(reply: bytes | LargeResponse) -> AbstractContextManager[object]:
    """Make a context at the end of which a large response is closed."""
    return closing(reply) if isinstance(reply, LargeResponse) else _NOTHING


async def convert(chunks: Iterator[bytes], whole: Callable[[], bytes], hold: Hold) -> LargeResponse:
    """Convert a large response in a thread.

    A conversion whose task is cancelled stops at its next chunk, and has its bytes until then.

    Args:
        chunks: the JSON of it, made while iterating.
        whole: makes all of it at once, where *chunks* turns out to be :class:`Unusual`.
        hold: the bytes that it takes. They belong to the reply, or are given back.
    """
    job = _Job(chunks, whole)
    running = asyncio.get_running_loop().run_in_executor(None, job.run)
    try:
        done = await asyncio.shield(running)
    except CancelledError:
        job.is_wanted = False
        running.add_done_callback(lambda _: hold.close())
        raise
    except BaseException:
        hold.close()
        raise
    reply = LargeResponse(done, hold)
    hold.resize(reply.size)
    return reply


class _Job:
    """A conversion in a thread."""

    def __init__(self, chunks: Iterator[bytes], whole: Callable[[], bytes]) -> None:
        self._chunks = chunks
        self._whole = whole
        self.is_wanted = True

    def run(self) -> list[bytes]:
        try:
            return list(self._together())
        except Unusual:
            return [self._whole()] if self.is_wanted else []

    def _together(self) -> Iterator[bytes]:
        """Put short chunks together."""
        short: list[bytes] = []
        size = 0
        for chunk in self._chunks:
            if not self.is_wanted:
                return
            short.append(chunk)
            size += len(chunk)
            if size >= CHUNK_BYTES:
                yield b"".join(short)
                short, size = [], 0
        if short:
            yield b"".join(short)
