"""A streaming call made as an etcd user: opened with a token, and once more if that is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from copy import copy

from etcd_asgi.deadline import NEVER, Deadline
from etcd_asgi.errors import UpstreamError
from etcd_asgi.etcd.error_texts import CANCELLED
from etcd_asgi.status import Code
from etcd_asgi.upstream.auth.login import NO_LOGIN
from etcd_asgi.upstream.auth.password import Password
from etcd_asgi.upstream.auth.token_errors import is_outage, is_refusal, refused_watch
from etcd_asgi.upstream.auth.tokens import Tokens
from etcd_asgi.upstream.transport import UpstreamStream

LOGIN_OVER = "the gateway's login at etcd is over: begin this stream again"
"""Reported to the client of a stream that has had replies, so that it cannot begin unnoticed."""

_WATCH = "/etcdserverpb.Watch/Watch"
_OBSERVE = "/v3electionpb.Election/Observe"
_KEEPING = 64
"""Bytes that it takes to keep a request, beside its own."""


class Opening:
    """Start of the call, with a token and the seconds until its deadline."""

    __slots__ = ("_start", "deadline")

    def __init__(
        self, start: Callable[[str, float | None], UpstreamStream], deadline: Deadline
    ) -> None:
        self._start = start
        self.deadline = deadline

    def start(self, token: str) -> UpstreamStream:
        """Start the call."""
        return self._start(token, self.deadline.remaining())


class SignedStream:
    """Streaming call as an etcd user: see :class:`~etcd_asgi.upstream.transport.UpstreamStream`.

    With a token at hand the call starts at once, else with the first thing that is asked of it.
    Requests are kept until the first reply, up to ``Limits.max_replay_bytes``. If that reply
    refuses the token, the call is made again with a new one and what was kept: etcd has done
    nothing yet. A later refusal, or one too many, ends the stream with code 14.
    """

    __slots__ = (
        "_call",
        "_cancelled",
        "_credentials",
        "_error",
        "_half_closed",
        "_kept",
        "_login",
        "_opening",
        "_replay",
        "_retries",
        "_room",
        "_rpc",
        "_token",
        "_tokens",
    )

    def __init__(self, rpc: str, opening: Opening, tokens: Tokens, credentials: Password) -> None:
        self._rpc = rpc
        self._opening: Opening | None = opening
        self._tokens = tokens
        self._credentials = credentials
        self._kept: list[bytes] | None = []
        """The requests so far; ``None`` when the call cannot be made again."""
        self._room = tokens.limits.max_replay_bytes
        self._half_closed = self._cancelled = False
        self._retries = tokens.limits.max_login_retries
        self._login: asyncio.Task[None] | None = None
        self._replay: asyncio.Task[None] | None = None
        self._error: UpstreamError | None = None
        token = tokens.known(credentials)
        self._token = token or ""
        self._call = None if token is None else opening.start(token)

    async def send(self, request: bytes) -> bool:
        """Send a message; false when the call is over."""
        if self._kept is not None:
            if self._keep(request):
                if self._call is None or _is_running(self._replay):
                    return await self._is_open()  # and then what is kept has been sent
                # A refused call may be over before its refusal was received.
                return await self._call.send(request) or self._kept is not None
            await self._is_open()
            self._kept = None
        elif self._replay is not None and not self._replay.done():
            await asyncio.wait({self._replay})
        return self._call is not None and await self._call.send(request)

    async def half_close(self) -> None:
        """Say that no more messages will be sent."""
        self._half_closed = True
        if self._call is None or _is_running(self._replay):
            await self._is_open()
        else:
            await self._call.half_close()

    async def receive(self) -> bytes | None:
        """Return the next message, or ``None`` at the end.

        Raises:
            UpstreamError: the call ended with a status other than OK, or could not be made.
        """
        while True:
            call = self._call or await self._opened()
            try:
                reply = await call.receive()
            except UpstreamError as error:
                if is_outage(error):
                    self._tokens.drop(self._credentials, self._token)
                if self._cancelled or not is_refusal(error, self._token):
                    self._settle()
                    raise
            else:
                if not await self._refuses(reply):
                    if self._opening is not None:
                        self._settle()
                    return reply
            self._refused(call)

    def cancel(self) -> None:
        """End the call at once."""
        self._cancelled = True
        for task in (self._login, self._replay):
            if task is not None:
                task.cancel()
        if self._call is not None:
            self._call.cancel()

    def _keep(self, request: bytes) -> bool:
        """Keep a request for as long as the call may have to be made again; false: no room."""
        assert self._kept is not None
        self._room -= len(request) + _KEEPING
        if self._room < 0:
            return False
        self._kept.append(request)
        return True

    def _settle(self) -> None:
        """Forget how the call is made, as it will not be made again."""
        self._kept = self._opening = None
        if self._call is not None:
            self._login = None

    async def _refuses(self, reply: bytes | None) -> bool:
        """Check whether a message, or the end, refuses the token."""
        if self._rpc == _WATCH and reply is not None:
            refused = refused_watch(reply, self._token)
        elif self._rpc == _OBSERVE and reply is None and self._opening is not None:
            refused = None  # etcd ends it with OK then, without a word
        else:
            refused = False
        if refused is not None:
            return refused
        deadline = NEVER if self._opening is None else self._opening.deadline
        return await self._tokens.is_stale(self._token, deadline)

    def _refused(self, call: UpstreamStream) -> None:
        """Forget token and call, if the call can be made again."""
        self._tokens.drop(self._credentials, self._token)
        call.cancel()
        if self._cancelled:
            raise UpstreamError(Code.CANCELLED, CANCELLED, local=True)
        if self._kept is None or not self._retries:
            text = LOGIN_OVER if self._retries else NO_LOGIN
            self._settle()
            raise UpstreamError(Code.UNAVAILABLE, text, local=True)
        if self._replay is not None:
            self._replay.cancel()
        self._retries -= 1
        self._call = self._login = self._replay = None

    async def _opened(self) -> UpstreamStream:
        """Return the call, once it is started."""
        login = self._log_in()
        await asyncio.wait({login})
        if self._call is not None:
            return self._call
        if self._error is not None:
            raise copy(self._error)
        if login.cancelled():
            raise UpstreamError(Code.CANCELLED, CANCELLED, local=True)
        login.result()  # raises what nobody expected
        raise AssertionError("a login that ends has started the call or failed")

    async def _is_open(self) -> bool:
        """Wait until the call has started and all that was kept is sent; false when it failed."""
        if self._call is None:
            await asyncio.wait({self._log_in()})
        if self._replay is not None:
            await asyncio.wait({self._replay})
        return not self._cancelled and (self._call is not None or self._error is None)

    def _log_in(self) -> asyncio.Task[None]:
        if self._login is None:
            self._login = asyncio.get_running_loop().create_task(self._open())
            if self._cancelled:
                self._login.cancel()
        return self._login

    async def _open(self) -> None:
        """Start the call with a token, and have it sent what was kept."""
        assert self._opening is not None
        try:
            self._token = await self._tokens.sign(self._credentials, self._opening.deadline)
            self._call = call = self._opening.start(self._token)
        except UpstreamError as error:
            self._error = error
            return
        kept = self._kept or []
        if kept or self._half_closed:
            self._replay = asyncio.get_running_loop().create_task(self._send_again(call, kept))

    async def _send_again(self, call: UpstreamStream, kept: Iterable[bytes]) -> None:
        """Send *kept*, also what is added to it meanwhile."""
        for request in kept:
            if not await call.send(request):
                return
        if self._half_closed:
            await call.half_close()


def _is_running(task: asyncio.Task[None] | None) -> bool:
    return task is not None and not task.done()
