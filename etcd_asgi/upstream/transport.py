"""Protocols of the upstream that the gateway calls, and of a transport beneath it.

A host may put an :class:`Upstream` of its own in the gateway's place. A :class:`Transport` is
smaller: it opens connections, makes calls and says how they failed. Which target a call goes to,
what is made again, certificates that change and the order of closing are written once above it, in
``pool.py`` and ``failover.py``.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Protocol

from etcd_asgi.metadata import Metadata
from etcd_asgi.upstream.certificates import Secure
from etcd_asgi.upstream.targets import Target


class UpstreamStream(Protocol):
    """Streaming call under way. Nobody but its two users, a sender and a receiver, has it."""

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
        """Return the next message; ``None`` when etcd has ended the call with OK.

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


class TransportError(Exception):
    """Error of a call over a transport that ended with a status other than OK.

    Attributes:
        code: gRPC code number; a number outside of :class:`~etcd_asgi.status.Code` is possible.
        text: etcd's words, or the transport's.
        sent: etcd may have got the request. If not, it is certain that nothing was carried out.
        unreachable: the target could not be reached, or its connection broke, and etcd has said
            nothing. The text may name addresses then, and is for the log.
        local: the text is not etcd's.
        closing: the gateway ended the call, as it is closed.
    """

    def __init__(
        self,
        code: int,
        text: str,
        *,
        sent: bool = True,
        unreachable: bool = False,
        local: bool = False,
        closing: bool = False,
    ) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text
        self.sent = sent
        self.unreachable = unreachable
        self.local = local
        self.closing = closing


class UnaryCall(Protocol):
    """Call under way with one message each way. Await it once; cancelling that cancels the call.

    Awaiting it may raise an error of the transport's library, which :meth:`failure` translates: a
    small call would notice it if errors were caught once more on its way.
    """

    def __await__(self) -> Generator[Any, Any, bytes]:
        """Wait for the response."""
        ...

    def failure(self, error: BaseException) -> TransportError | None:
        """Return what has ended the call when awaiting it raised *error*.

        ``None``: the awaiting task was cancelled, or something else went wrong than the call.
        """
        ...

    def end(self) -> None:
        """End it as the gateway closes; it then has failed with an error that says so."""
        ...


class TransportStream(Protocol):
    """Streaming call under way: as :class:`UpstreamStream`, with errors of the transport."""

    async def send(self, request: bytes) -> bool:
        """Send a message, as soon as etcd takes it; false when the call is over."""
        ...

    async def half_close(self) -> None:
        """Say that no more messages will be sent."""
        ...

    async def receive(self) -> bytes | None:
        """Return the next message; ``None`` when etcd has ended the call with OK.

        Cancelling the awaiting task ends the call. After an end nobody calls this again.

        Raises:
            TransportError: the call ended with another status, or was cancelled.
        """
        ...

    def cancel(self) -> None:
        """End the call at once."""
        ...


class Connection(Protocol):
    """Connection to one target, for the event loop that it was opened on.

    It connects at the first call, and again when it was lost; until it can, calls fail.
    """

    def unary(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> UnaryCall:
        """Begin a call with one message each way."""
        ...

    def stream(
        self, rpc: str, request: bytes | None, metadata: Metadata, timeout: float | None
    ) -> TransportStream:
        """Begin a call with many messages down; up goes *request* alone, or many if it is none."""
        ...

    async def connect(self) -> bool:
        """Wait until calls can be made.

        Returns:
            False when an attempt has failed. The next one takes its time: asking again and again
            keeps neither the processor nor etcd busy.
        """
        ...

    async def close(self) -> None:
        """Close it; calls under way end."""
        ...


class Transport(Protocol):
    """Library that makes gRPC calls, as the pool uses it."""

    @property
    def fork_error(self) -> str | None:
        """Return why there can be no calls in a process forked when there were connections.

        With ``None`` it goes on with connections of its own.
        """
        ...

    def open(self, target: Target, secure: Secure | None, *, for_streams: bool) -> Connection:
        """Return a connection to *target*, without waiting for anything.

        Args:
            target: what to connect to.
            secure: certificates, if the target is secure.
            for_streams: streaming calls alone will be made; such connections bound what is read
                ahead of a receiver.
        """
        ...
