"""The values of a client on their way into a streaming call."""

from __future__ import annotations

from typing import Protocol


class Input(Protocol):
    """The client's side of a streaming call."""

    async def next(self) -> bytes | None:
        """Return the next JSON value; ``None`` at the end of the input.

        Raises:
            DecodeError: a value has begun that no JSON begins with, or a body that was announced
                does not arrive.
            BodyTooLarge: a value is longer than the limit.
            ClientDisconnected: the client has disconnected.
        """
        ...

    def is_over(self) -> bool:
        """Check that the end of the input is known already."""
        ...

    async def disconnected(self) -> bool:
        """Wait for the client to disconnect, and drop all else that it sends.

        Returns:
            True when it has; false when that cannot be heard.
        """
        ...
