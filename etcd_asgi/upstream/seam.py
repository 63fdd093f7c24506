"""What the gateway asks of its way to etcd. Another transport can stand behind it."""

from __future__ import annotations

from typing import Protocol

from etcd_asgi.metadata import Metadata


class Upstream(Protocol):
    """Calls to etcd, serialized messages in and out."""

    async def unary(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> bytes:
        """Make one call with one message each way.

        Cancelling the awaiting task cancels the call.

        Args:
            rpc: full gRPC name, ``/etcdserverpb.KV/Range``.
            request: the serialized message.
            metadata: as :func:`etcd_asgi.metadata.read` makes it.
            timeout: seconds until the deadline, or none.

        Raises:
            UpstreamError: the call ended with a status other than OK.
        """
        ...

    async def aclose(self) -> None:
        """End all calls of the running event loop and close their connections."""
        ...
