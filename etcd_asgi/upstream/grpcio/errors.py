"""How a call ended other than with OK: gRPC's error, without what gRPC ties to it.

gRPC's exception has frames in its traceback, which hold the call, which holds the connection. So
its words are taken over, and it is dropped: our errors may be kept for as long as anybody likes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import grpc.aio

from etcd_asgi.deadline import DEADLINE
from etcd_asgi.errors import CLOSING, UpstreamError, too_long
from etcd_asgi.status import Code

UNREACHABLE = "etcd is not reachable"
"""Told to clients for a call that found no etcd. The reason may name addresses: it is logged."""

_OVER: dict[int, str] = {Code.DEADLINE_EXCEEDED: DEADLINE, Code.CANCELLED: "context canceled"}

_NEVER_LEFT = (
    # No connection to any address.
    "failed to connect to all addresses",
    "connections to all backends failing",
    "Failed to pick subchannel",
    "Failed to create subchannel",
    # A name without an address.
    "errors resolving ",
    "DNS resolution failed",
    "C-ares status is not ARES_SUCCESS",
    "Domain name not found",
    "Name or service not known",
    "Resolver transient failure",
    "empty address list",
    "address list must not be empty",
    "no addresses",
)
"""How the releases of gRPC's library say that a call found no connection, so that etcd knows
nothing of it.

Source: grpc src/core/load_balancing/pick_first and round_robin; src/core/resolver/dns and, before
1.60, src/core/ext/filters/client_channel/resolver/dns; client_channel.cc.
"""

_TOO_LONG = re.compile(r"Received message larger than max \((\d+) vs\. (\d+)\)")
"""How gRPC says on this side that a message is longer than the limit. etcd's own words for a
request that is too long begin with a small letter.

Source: grpc src/core/ext/filters/message_size/message_size_filter.cc, from 1.49 on; grpc-go
rpc_util.go, recvMsg.
"""

_FROM_PEER = "Error received from peer"
"""In the library's details of an error that the other side has sent.

Source: grpc src/core/lib/surface/call.cc.
"""


@dataclass(frozen=True, slots=True)
class Ending:
    """A status other than OK."""

    code: int
    message: str
    never_left: bool = False
    """Whether it is certain that the call was not carried out, as it found no connection."""

    @classmethod
    def of(cls, error: grpc.aio.AioRpcError) -> Ending:
        """What *error* says."""
        code, message = error.code().value[0], error.details() or ""
        never_left = (
            code == Code.UNAVAILABLE
            and message.startswith(_NEVER_LEFT)
            and _FROM_PEER not in (error.debug_error_string() or "")
        )
        return cls(code, message, never_left)

    @property
    def is_outage(self) -> bool:
        """Whether etcd could not be reached, and not etcd says so of something."""
        is_told = self._is_from_etcd or self is CLOSED
        return self.code == Code.UNAVAILABLE and not is_told

    @property
    def _is_from_etcd(self) -> bool:
        return self.message.startswith("etcdserver:")

    def error(self) -> UpstreamError:
        """Our error. The library has several texts for a deadline that is over, etcd one."""
        if self is CLOSED:
            return UpstreamError(self.code, self.message, local=True)
        if self._is_from_etcd:
            return UpstreamError(self.code, self.message)
        if self.code == Code.RESOURCE_EXHAUSTED and (found := _TOO_LONG.search(self.message)):
            return too_long(int(found[1]), int(found[2]))
        if self.is_outage:
            return UpstreamError(self.code, UNREACHABLE, local=True)
        if self.code in _OVER:
            return UpstreamError(self.code, _OVER[self.code], local=True)
        return UpstreamError(self.code, self.message)


CLOSED = Ending(Code.UNAVAILABLE, CLOSING)
"""Of a call that was ended with the gateway."""
