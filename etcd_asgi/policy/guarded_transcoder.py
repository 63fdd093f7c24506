"""A transcoder for one request of somebody whose rights have bounds."""

from __future__ import annotations

from asyncio import CancelledError
from time import monotonic
from typing import Any

from google.protobuf.message import Message

from etcd_asgi import codec
from etcd_asgi.calls.large_response import Reply
from etcd_asgi.calls.response_budget import Hold
from etcd_asgi.calls.transcoder import Transcoder, in_thread
from etcd_asgi.calls.waiting import Session, WaitingUpstream
from etcd_asgi.deadline import left_of
from etcd_asgi.errors import Denied, UpstreamError
from etcd_asgi.metadata import Metadata
from etcd_asgi.policy.guard import Passage
from etcd_asgi.settings import Limits
from etcd_asgi.status import Code
from etcd_asgi.upstream import Upstream


class GuardedTranscoder(Transcoder):
    """Carries one request across as a passage lets it.

    Args:
        base: the transcoder for callers without bounds.
        passage: what this caller may do.
        upstream: where its calls go.
        limits: of its requests.
        sessions: where calls go that the gateway makes a lease for, if the RPC has such calls.
    """

    def __init__(
        self,
        base: Transcoder,
        passage: Passage,
        upstream: Upstream,
        limits: Limits,
        sessions: WaitingUpstream | None = None,
    ) -> None:
        super().__init__(
            base.binding, base.flavour, limits, sessions or upstream, base.bounds, base.modes
        )
        self._passage = passage
        self._sessions = sessions
        # There is one of these for each request: what all have in common is made once.
        self.decode_message = base.decode_guarded
        self.parse, self._encode, self._serialize = base.parse, base._encode, base._serialize  # noqa: SLF001

    async def unary(self, body: bytes, metadata: Metadata, timeout: float | None) -> bytes | Reply:
        """See :class:`Transcoder`.

        Raises:
            Denied: the message may not pass.
        """
        started, limits, passage = monotonic(), self.limits, self._passage
        is_small, read = len(body) < limits.offload_body_bytes, self.decode_message
        message = read(body) if is_small else await in_thread(read, body)
        keys = passage.keys(message)
        try:
            await passage.enter(message)
            left = left_of(timeout, started)
            if self._sessions is None or (session := passage.session(message)) is None:
                answer, hold = await self.calls.ask(self._serialize(message), metadata, left)
            else:
                leased = self._in_session(message, *session)
                answer = await self._sessions.in_session(self.binding.rpc, leased, metadata, left)
                hold = None
        except Denied as error:
            passage.record(keys, error.code)
            raise
        except UpstreamError as error:
            told = passage.told(error)
            passage.record(keys, told.code)
            raise told from error
        except CancelledError:
            passage.record(keys, Code.CANCELLED)
            raise
        if hold is not None:
            return await self._finish_large(answer, hold, keys)
        reply = self.parse(answer)
        passage.record(keys, Code.OK, reply)
        return self._finish(reply)

    async def enter(self, message: Message) -> None:
        """Let a request message of a stream pass.

        Raises:
            Denied: it may not pass.
            UpstreamError: etcd would refuse it.
        """
        await self._passage.enter(message)

    def leave(self, message: Message) -> None:
        """Change an answer to what the caller shall get."""
        self._passage.leave(message)

    def close(self) -> None:
        """See :class:`Transcoder`."""
        self._passage.close()

    def _in_session(self, message: Message, holder: Any, lease: Message) -> Session:
        """Describe a call with the lease that etcd would make by itself, and leave behind."""

        def request_with(lease_id: int) -> bytes:
            holder.lease = lease_id
            return self._serialize(message)

        refusal = self._passage.lease_refused
        return Session(lease=lease, request_with=request_with, refusal=refusal)

    async def _finish_large(self, answer: bytes, hold: Hold, keys: list[str]) -> Reply:
        try:
            self._passage.record(keys, Code.OK, codec.with_header(self.binding.response, answer))
        except BaseException:  # out of the host's own function
            hold.close()
            raise
        return await self.in_slices(answer, hold, self._whole, self._passage.leave)

    def _whole(self, answer: bytes) -> bytes:
        return self._finish(self.parse(answer))

    def _finish(self, reply: Message) -> bytes:
        self._passage.leave(reply)
        return self._encode(reply)
