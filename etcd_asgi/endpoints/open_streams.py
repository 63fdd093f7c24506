"""The streaming calls under way, to be ended together."""

from __future__ import annotations

import asyncio

from etcd_asgi.endpoints.conversation import Conversation
from etcd_asgi.errors import CLOSING, UpstreamError
from etcd_asgi.status import Code


class OpenStreams:
    """All conversations of a gateway, up to a limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: set[Conversation] = set()

    def __len__(self) -> int:
        return len(self._open)

    def entered(self, conversation: Conversation) -> Place:
        """Count *conversation* in, for as long as the context lasts.

        Raises:
            UpstreamError: there are too many.
        """
        if len(self._open) >= self._limit:
            text = f"too many open streams: this gateway takes {self._limit}"
            raise UpstreamError(Code.RESOURCE_EXHAUSTED, text, local=True)
        self._open.add(conversation)
        return Place(self._open, conversation)

    def end_all(self) -> None:
        """End those of the running event loop."""
        loop = asyncio.get_running_loop()
        for conversation in list(self._open):
            if conversation.loop is loop:
                conversation.end(UpstreamError(Code.UNAVAILABLE, CLOSING))


class Place:
    """The place of a conversation among the open ones, as a context manager."""

    __slots__ = ("_conversation", "_open")

    def __init__(self, among: set[Conversation], conversation: Conversation) -> None:
        self._open = among
        self._conversation = conversation

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._open.discard(self._conversation)
