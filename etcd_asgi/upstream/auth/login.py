"""Logging in to etcd: the Authenticate calls of one event loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Any

from etcd_asgi.errors import UpstreamError
from etcd_asgi.etcd import proto
from etcd_asgi.metadata import Metadata
from etcd_asgi.settings import Limits
from etcd_asgi.status import Code
from etcd_asgi.upstream.auth.password import Password
from etcd_asgi.upstream.auth.token_errors import is_auth_off
from etcd_asgi.upstream.transport import Upstream

logger = logging.getLogger("etcd_asgi.upstream")

NO_LOGIN = "the gateway could not log in to etcd"
"""Reported to clients, with code 14: the fault is on this side of them, and may be mended by the
time they try again. Who was to log in, and why it failed, is for the log."""

_AUTHENTICATE = "/etcdserverpb.Auth/Authenticate"
_METADATA: Metadata = [("grpcgateway-accept", "*/*")]
_PASSED_ON = frozenset({Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED})
"""Codes of an etcd that replies to nobody, which say nothing about who asked."""


@dataclass(frozen=True, slots=True)
class Login:
    """Outcome of a login."""

    token: str = field(repr=False)
    """Empty: none is needed, as etcd's auth is off, or none is to be had."""

    until: float = inf
    """When to log in again, by the monotonic clock, if etcd does not ask for it before."""

    refused: bool = False


Remember = Callable[[Password, Login], None]


class Logins:
    """Logins under way on one event loop, one for each of the credentials.

    Args:
        upstream: where to log in.
        limits: ``max_logins`` are made at a time, the others wait for their turn.
        remember: called with each login and its outcome.
    """

    def __init__(self, upstream: Upstream, limits: Limits, remember: Remember) -> None:
        self._upstream = upstream
        self._limits = limits
        self._remember = remember
        self._room = asyncio.Semaphore(limits.max_logins)
        self._running: dict[Password, asyncio.Task[Login]] = {}

    def start(self, credentials: Password) -> asyncio.Task[Login]:
        """Return the task that logs *credentials* in; a new one if there is none.

        It belongs to nobody who waits for it, so wait with :func:`asyncio.wait`. It fails with
        ``UpstreamError`` where etcd is not reachable or not able to reply to anybody.
        """
        task = self._running.get(credentials)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._log_in(credentials))
            self._running[credentials] = task
            task.add_done_callback(partial(self._ended, credentials))
        return task

    async def _log_in(self, credentials: Password) -> Login:
        try:
            async with self._room:
                token = await self._authenticate(credentials)
        except UpstreamError as error:
            if error.code in _PASSED_ON:
                raise
            logger.warning("etcd user %r cannot log in: %s", credentials.user, error.message)
            login = Login("", time.monotonic() + self._limits.login_retry_time, refused=True)
        else:
            login = Login(token, inf if token else time.monotonic() + self._limits.auth_off_time)
        self._remember(credentials, login)
        return login

    async def _authenticate(self, credentials: Password) -> str:
        """Fetch a token; empty: etcd's auth is off."""
        user, password = credentials.user, credentials.password
        request = _message("AuthenticateRequest")(name=user, password=password).SerializeToString()
        timeout = self._limits.login_timeout
        try:
            reply = await self._upstream.unary(_AUTHENTICATE, request, _METADATA, timeout)
        except UpstreamError as error:
            if is_auth_off(error):
                return ""
            raise
        token: str = _message("AuthenticateResponse").FromString(reply).token
        return token

    async def aclose(self) -> None:
        """End the logins under way."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    def _ended(self, credentials: Password, task: asyncio.Task[Login]) -> None:
        del self._running[credentials]
        if not task.cancelled():
            task.exception()  # seen, even if nobody waits for it any more


def _message(name: str) -> Any:
    return proto.message_class(proto.message_type(f"etcdserverpb.{name}"))
