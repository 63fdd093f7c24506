"""A call of Lock or Campaign under way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from etcd_asgi.calls.waiting.pacer import Pacer
from etcd_asgi.calls.waiting.session_leases import Session, revoke
from etcd_asgi.deadline import exceeded
from etcd_asgi.errors import UpstreamError
from etcd_asgi.etcd import proto
from etcd_asgi.metadata import Metadata
from etcd_asgi.settings import Limits
from etcd_asgi.upstream import Upstream

LOCK = "/v3lockpb.Lock/Lock"
CAMPAIGN = "/v3electionpb.Election/Campaign"

_REQUESTS = {LOCK: "v3lockpb.LockRequest", CAMPAIGN: "v3electionpb.CampaignRequest"}
_RESPONSES = {LOCK: "v3lockpb.LockResponse", CAMPAIGN: "v3electionpb.CampaignResponse"}


class WaitingUnary:
    """A call that goes on for a while when its requester does not wait for it any more.

    Args:
        upstream: carries the call.
        rpc: the full gRPC name.
        metadata: of the call.
        limits: of revoking its lease.
        pacer: ends it, if it has to be ended.
        release: called once, when the call and its lease have ended in etcd.
    """

    __slots__ = ("_is_granting", "_is_over", "_lease", "_limits", "_metadata", "_outcome",
                 "_pacer", "_release", "_request", "_rpc", "_task", "_upstream")  # fmt: skip

    def __init__(
        self,
        upstream: Upstream,
        rpc: str,
        metadata: Metadata,
        limits: Limits,
        pacer: Pacer,
        release: Callable[[WaitingUnary], None],
    ) -> None:
        self._upstream, self._rpc, self._metadata = upstream, rpc, metadata
        self._limits, self._pacer, self._release = limits, pacer, release
        self._request = b""
        self._lease = 0
        self._is_granting = self._is_over = False
        self._outcome: asyncio.Future[bytes]
        self._task: asyncio.Task[bytes]

    async def reply(self, request: bytes | Session, timeout: float | None) -> bytes:
        """Make the call; see :class:`~etcd_asgi.upstream.transport.Upstream`.

        The deadline is kept here: etcd would end all calls with the same one at the same moment.
        """
        loop = asyncio.get_running_loop()
        self._outcome = loop.create_future()
        self._task = loop.create_task(self._make(request))
        self._task.add_done_callback(self._made)
        timer = None if timeout is None else loop.call_later(timeout, self.end, exceeded())
        try:
            reply = await self._outcome
        except BaseException:
            self._discard()
            raise
        finally:
            if timer is not None:
                timer.cancel()
        self._is_over = True
        self._release(self)
        return reply

    def end(self, error: UpstreamError) -> None:
        """Raise *error* for the requester, and end the call in its turn."""
        if not self._outcome.done():
            self._outcome.set_exception(error)
            self._discard()

    async def _make(self, request: bytes | Session) -> bytes:
        if isinstance(request, Session):
            self._is_granting = True
            self._lease = await request.begin(self._upstream, self._metadata)
            self._is_granting = False
            if self._is_over:
                return b""
            request = request.request_with(self._lease)
        self._request = request
        return await self._upstream.unary(self._rpc, request, self._metadata, None)

    def _made(self, task: asyncio.Task[bytes]) -> None:
        """Give the outcome of the call to the requester, if there is one yet."""
        if self._outcome.done():
            return
        if task.cancelled():
            self._outcome.cancel()
        elif (error := task.exception()) is not None:
            self._outcome.set_exception(error)
        else:
            self._outcome.set_result(task.result())

    def _discard(self) -> None:
        """Clean up after a call whose reply nobody gets."""
        if self._is_over:
            return
        self._is_over = True
        if self._outcome.done() and not self._outcome.cancelled():
            self._outcome.exception()  # seen, even if the requester was cancelled meanwhile
        if self._is_failed_without_lease() or self._task.cancelling():
            self._release(self)  # the latter: the event loop ends, and takes all tasks with it
        else:
            self._pacer.add(self._clean)

    def _is_failed_without_lease(self) -> bool:
        task = self._task
        return task.done() and not self._lease and (task.cancelled() or bool(task.exception()))

    async def _clean(self) -> None:
        """End the call, then its lease."""
        try:
            if self._is_granting:  # the ID of a lease that is being made is not known yet
                await asyncio.wait({self._task}, timeout=self._limits.revoke_timeout)
            self._task.cancel()
            await asyncio.wait({self._task})
            if lease := self._lease or self._lease_of_etcd():
                await revoke(lease, self._upstream, self._metadata, self._limits)
        finally:
            self._release(self)

    def _lease_of_etcd(self) -> int:
        """Return the lease that etcd made, if the call succeeded before it could be ended; else 0.

        Source: etcd client/v3/concurrency/mutex.go, tryAcquire, and election.go, Campaign: the key
        ends with the lease.
        """
        task = self._task
        if (
            task.cancelled()
            or task.exception() is not None
            or _message(_REQUESTS[self._rpc], self._request).lease
        ):
            return 0
        reply = _message(_RESPONSES[self._rpc], task.result())
        key: bytes = reply.key if self._rpc == LOCK else reply.leader.key
        try:
            return int(key.rpartition(b"/")[2], 16)
        except ValueError:  # the key of something that is not etcd
            return 0


def _message(name: str, serialized: bytes) -> Any:
    return proto.message_class(proto.message_type(name)).FromString(serialized)
