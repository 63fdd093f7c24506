"""A connection that is read in the background: a script can wait, or see that nothing came."""

from __future__ import annotations

import queue
import select
import socket
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

TIMEOUT = 30.0
"""Seconds after which a script gives up on something that it waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The beginning of an answer: lower-case header names, repeated headers joined."""

    status: int
    headers: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One message of an answer: a line of a body, or a message of a WebSocket."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How an answer ended: "end", "cut", "over" or "echo"."""

    how: str
    code: int | None = None
    """Of the close frame that a WebSocket ended with."""


Event = Head | Piece | End


class Line(ABC):
    """One connection: what is sent, and the events that have come."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.address = address
        self.socket = socket.create_connection((host, int(port)), TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="conformance-line", daemon=True)

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Leave, whatever the other side does."""
        with suppress(OSError):  # the other side was first
            self.socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(TIMEOUT)
        self.socket.close()

    def event(self) -> Event:
        """Wait for the next event.

        Raises:
            TimeoutError: there is none within `TIMEOUT`.
        """
        try:
            return self._events.get(timeout=TIMEOUT)
        except queue.Empty:
            raise TimeoutError(f"nothing more came within {TIMEOUT:.0f} s") from None

    def is_silent(self) -> bool:
        """Say whether everything that has come was taken."""
        is_open = self.socket.fileno() >= 0  # the reader may have closed it
        pending = is_open and select.select([self.socket], [], [], 0)[0]
        return not pending and self._events.empty()

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Send a piece of the body, or a text message."""

    @abstractmethod
    def read_events(self) -> End:
        """Tell the events with `tell` as they come, and return the last."""

    def tell(self, event: Event) -> None:
        """Give an event to the script."""
        self._events.put(event)

    def _read(self) -> None:
        try:
            end = self.read_events()
        except (OSError, EOFError):
            end = End(how="cut")
        self.tell(end)


@dataclass(slots=True, kw_only=True)
class Taken:
    """What a script has taken from a line."""

    head: Head = field(default_factory=lambda: Head(status=0, headers={}))
    pieces: list[bytes] = field(default_factory=list)
    end: End | None = None

    def take(self, event: Event) -> None:
        """Note an event."""
        match event:
            case Head():
                self.head = event
            case Piece():
                self.pieces.append(event.data)
            case End():
                self.end = event
