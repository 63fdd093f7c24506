"""Session leases: made by the gateway for one call, and revoked if that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from etcd_asgi.errors import UpstreamError
from etcd_asgi.etcd import proto
from etcd_asgi.metadata import Metadata
from etcd_asgi.settings import Limits
from etcd_asgi.status import Code
from etcd_asgi.upstream import Upstream

LEASE_GRANT = "/etcdserverpb.Lease/LeaseGrant"
LEASE_REVOKE = "/etcdserverpb.Lease/LeaseRevoke"

_TRY_AGAIN = frozenset({Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Session lease that a request needs before it is sent."""

    lease: Message
    """Its request, of ``Lease.LeaseGrant``."""

    request_with: Callable[[int], bytes]
    """Makes the serialized request, with the ID of the lease."""

    refusal: Callable[[UpstreamError], UpstreamError]
    """Makes the caller's error where etcd refuses the lease."""

    async def begin(self, upstream: Upstream, metadata: Metadata) -> int:
        """Make the lease.

        Returns:
            Its ID, as etcd has it.

        Raises:
            UpstreamError: etcd refuses it.
        """
        try:
            reply = await upstream.unary(
                LEASE_GRANT, self.lease.SerializeToString(), metadata, None
            )
        except UpstreamError as error:
            raise self.refusal(error) from error
        granted: Any = _message("LeaseGrantResponse").FromString(reply)
        return int(granted.ID)


async def revoke(lease: int, upstream: Upstream, metadata: Metadata, limits: Limits) -> None:
    """Revoke a lease that nobody will use. If etcd cannot be reached it expires by itself."""
    request = _message("LeaseRevokeRequest")(ID=lease).SerializeToString()
    for _ in range(limits.max_revoke_attempts):
        try:
            await upstream.unary(LEASE_REVOKE, request, metadata, limits.revoke_timeout)
        except UpstreamError as error:
            if error.code not in _TRY_AGAIN:
                return
            await asyncio.sleep(limits.max_reconnect_delay / 2)
        else:
            return


def _message(name: str) -> Any:
    return proto.message_class(proto.message_type(f"etcdserverpb.{name}"))
