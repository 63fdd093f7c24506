"""Leases of a namespace, marked by their IDs.

A lease has no key, so no prefix holds it. Its 63-bit ID does instead::

    bits 62..31   tag, from namespace, low bits and secret: which namespace the lease is of
    bits 30..0    low bits: the ID that the caller sees

The caller never names a tag, so it reaches leases of its own namespace and no others. Nothing is
remembered: any number of gateways with the same secret agree.
"""

from __future__ import annotations

import hmac
import secrets

_LOW_BITS = 31
MAX_LEASE_ID = (1 << _LOW_BITS) - 1
"""The largest ID of a lease in a namespace."""


class Leases:
    """The leases of the namespace *prefix*, marked with *secret*."""

    __slots__ = ("_label", "_secret")

    def __init__(self, prefix: bytes, secret: bytes) -> None:
        self._secret = secret
        self._label = len(prefix).to_bytes(8, "big") + prefix

    def holds(self, lease: int) -> bool:
        """Check that *lease*, as etcd has it, is of this namespace."""
        return lease > MAX_LEASE_ID and self._marked(lease & MAX_LEASE_ID) == lease

    def scope(self, lease: int) -> int:
        """Return the caller's ID as etcd has it; 0, which is no lease, stays 0.

        An ID that cannot be of this namespace becomes one that no lease has: etcd itself refuses
        it, and checks all else in the request as always.
        """
        if lease == 0:
            return 0
        return self._marked(lease if 0 < lease <= MAX_LEASE_ID else 0)

    @property
    def nobodys(self) -> int:
        """Return an ID of the namespace that no lease has."""
        return self._marked(0)

    def scope_compared(self, lease: int) -> int:
        """Return the ID in a comparison; one from outside stays, as it can be seen on a key."""
        outside = not 0 <= lease <= MAX_LEASE_ID
        return lease if outside and not self.holds(lease) else self.scope(lease)

    def unscope(self, lease: int) -> int:
        """Return etcd's ID as the caller has it; one from outside stays as it is."""
        return lease & MAX_LEASE_ID if self.holds(lease) else lease

    def draw(self) -> int:
        """Draw a new ID, as etcd has it, where the caller lets the gateway choose."""
        return self._marked(1 + secrets.randbelow(MAX_LEASE_ID))

    def _marked(self, low: int) -> int:
        """Return the ID with its tag, which is never 0: no ID of a namespace is small."""
        label = self._label + low.to_bytes(4, "big")
        tag = int.from_bytes(hmac.digest(self._secret, label, "sha256")[:4], "big")
        return (tag or 1) << _LOW_BITS | low
