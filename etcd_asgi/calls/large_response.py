"""The JSON of a large response, in pieces, and the part of the budget that it takes."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext

from etcd_asgi.calls.response_budget import Hold
from etcd_asgi.codec import Unusual

PIECE_BYTES = 128 * 1024
"""Shorter pieces are put together up to this length."""


class Reply:
    """The JSON of a large response, until it is closed."""

    __slots__ = ("_hold", "_pieces")

    def __init__(self, pieces: list[bytes], hold: Hold) -> None:
        self._pieces = pieces
        self._hold = hold

    @property
    def size(self) -> int:
        """Bytes of all pieces that have not been taken."""
        return sum(map(len, self._pieces))

    def take(self) -> Iterator[bytes]:
        """Iterate over the pieces. Each is given back when the next is asked for."""
        pieces, hold = self._pieces, self._hold
        pieces.reverse()
        while pieces:
            piece = pieces.pop()
            yield piece
            hold.resize(max(0, hold.size - len(piece)))

    def text(self) -> str:
        """Put the pieces together; there are none afterwards."""
        pieces, self._pieces = self._pieces, []
        pieces.reverse()
        decoded = []
        while pieces:
            decoded.append(pieces.pop().decode())
        return "".join(decoded)

    def close(self) -> None:
        """Give back what the response takes."""
        self._pieces = []
        self._hold.close()


_NOTHING = nullcontext()


def held(reply: bytes | Reply) -> AbstractContextManager[object]:
    """Make a context at the end of which a large response is closed."""
    return closing(reply) if isinstance(reply, Reply) else _NOTHING


async def convert(pieces: Iterator[bytes], whole: Callable[[], bytes], hold: Hold) -> Reply:
    """Convert a large response in a thread.

    A conversion whose task is cancelled stops at its next piece, and has its bytes until then.

    Args:
        pieces: the JSON of it, made while iterating.
        whole: makes all of it at once, where *pieces* turns out to be :class:`Unusual`.
        hold: the bytes that it takes. They belong to the reply, or are given back.
    """
    job = _Job(pieces, whole)
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
    reply = Reply(done, hold)
    hold.resize(reply.size)
    return reply


class _Job:
    """A conversion in a thread."""

    def __init__(self, pieces: Iterator[bytes], whole: Callable[[], bytes]) -> None:
        self._pieces = pieces
        self._whole = whole
        self.is_wanted = True

    def run(self) -> list[bytes]:
        try:
            return list(self._together())
        except Unusual:
            return [self._whole()] if self.is_wanted else []

    def _together(self) -> Iterator[bytes]:
        """Put short pieces together."""
        short: list[bytes] = []
        size = 0
        for piece in self._pieces:
            if not self.is_wanted:
                return
            short.append(piece)
            size += len(piece)
            if size >= PIECE_BYTES:
                yield b"".join(short)
                short, size = [], 0
        if short:
            yield b"".join(short)
