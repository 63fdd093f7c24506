"""What the gateway asks of its way to etcd. Another transport can stand behind it."""

from __future__ import annotations

from typing import Protocol

from etcd_asgi.metadata import Metadata


class UpstreamStream(Protocol):
    """One streaming call under way. Nobody but its two users, a sender and a receiver, has it."""

    async def send(self, request: bytes) -> bool:
        """Send a message, as soon as etcd takes it.

        Returns:
            False when the call is over; :meth:`receive` says why.
        """
        ...

    async def half_close(self) -> None:
        """Say that no more messages will be sent."""
        ...

    async def receive(self) -> bytes | None:
        """The next message; ``None`` when etcd has ended the call with OK.

        Raises:
            UpstreamError: the call ended with another status, or was cancelled.
        """
        ...

    def cancel(self) -> None:
        """End the call at once."""
        ...


class Upstream(Protocol):
    """Calls to etcd, serialized messages in and out.

    ``rpc`` is a full gRPC name, ``/etcdserverpb.KV/Range``; ``metadata`` as
    :func:`etcd_asgi.metadata.read` makes it; ``timeout`` the seconds until the deadline, or none.
    """

    async def unary(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> bytes:
        """Make one call with one message each way.

        Cancelling the awaiting task cancels the call.

        Raises:
            UpstreamError: the call ended with a status other than OK.
        """
        ...

    def server_stream(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> UpstreamStream:
        """Start a call with one message up and many down."""
        ...

    def bidi(self, rpc: str, metadata: Metadata, timeout: float | None) -> UpstreamStream:
        """Start a call with many messages each way."""
        ...

    async def aclose(self) -> None:
        """End all calls of the running event loop and close their connections."""
        ...
