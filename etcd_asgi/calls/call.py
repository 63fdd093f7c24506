"""The call: one RPC of one client, from its first byte to its last."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from google.protobuf.message import Message

from etcd_asgi.calls.method import Method
from etcd_asgi.calls.transcoder import Transcoder
from etcd_asgi.calls.waiting import Session, WaitingUpstream
from etcd_asgi.calls.watch.state import WatchState
from etcd_asgi.deadline import NEVER, Deadline
from etcd_asgi.errors import UpstreamError
from etcd_asgi.metadata import Metadata
from etcd_asgi.settings import Limits
from etcd_asgi.upstream import Upstream, UpstreamStream


class Guard(Protocol):
    """The host's policy for one call. It sees each message, and may change it in place."""

    async def admit(self, message: Message) -> None:
        """Check a request message, and change it to the one that etcd shall get.

        Raises:
            Denied: it is not granted.
            UpstreamError: etcd would refuse it, so it is not sent.
        """
        ...

    def release(self, message: Message) -> None:
        """Change a reply of etcd's to the one that the client shall get."""
        ...

    def session(self, message: Message) -> Session | None:
        """Describe the lease that an admitted request has to be given first, if it needs one."""
        ...

    def failed(self, error: UpstreamError) -> UpstreamError:
        """Return the error that the client shall get for one of etcd's."""
        ...

    def finished(self, code: int, reply: Message | None = None) -> None:
        """Take note of the outcome of a unary call, and of etcd's reply to it."""
        ...

    def close(self) -> None:
        """Give back all that the call holds, such as places of a quota."""
        ...


@dataclass(slots=True, eq=False)
class Call:
    """One RPC of one client."""

    method: Method
    transcoder: Transcoder
    """The method's, for the byte modes of the request."""

    limits: Limits
    upstream: Upstream
    metadata: Metadata = field(repr=False)
    deadline: Deadline = NEVER
    guard: Guard | None = None
    """``None`` where the host has no policy: every message passes as it is."""

    waiting: WaitingUpstream | None = None
    """Makes calls that need a session lease of the gateway's; ``None`` for other RPCs."""

    watch: WatchState | None = None
    """``None`` for all RPCs but Watch."""

    def timeout(self) -> float | None:
        """Return the seconds until the deadline, if there is one."""
        return None if self.deadline is NEVER else self.deadline.remaining()

    def server_stream(self, request: bytes) -> UpstreamStream:
        """Start the call with one serialized message up and many down."""
        return self.upstream.server_stream(self.method.rpc, request, self.metadata, self.timeout())

    def bidi(self) -> UpstreamStream:
        """Start the call with many serialized messages each way."""
        return self.upstream.bidi(self.method.rpc, self.metadata, self.timeout())

    def close(self) -> None:
        """Give back what the guard holds."""
        if self.guard is not None:
            self.guard.close()
