"""The upstream's version and health, from its Status RPC."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

from etcd_asgi import proto
from etcd_asgi.errors import UpstreamError
from etcd_asgi.metadata import Metadata
from etcd_asgi.settings import Limits
from etcd_asgi.status import Code
from etcd_asgi.upstream import Upstream

_STATUS = "/etcdserverpb.Maintenance/Status"
_METADATA: Metadata = [("grpcgateway-accept", "*/*")]
_STARTING = "etcd has not answered yet"
_ALARM = re.compile(r"alarm:(\w+)")
_NO_LEADER = "RAFT NO LEADER"

_ANONYMOUS = frozenset({Code.INVALID_ARGUMENT, Code.UNAUTHENTICATED, Code.PERMISSION_DENIED})
"""How an etcd with auth answers a call without a token: it lives, that much is told."""

_FIRST_TO_ASK = "3.6.0"
"""The first release whose Status wants a token: what is known of an etcd that asks for one."""


class Vitals:
    """What is known of the upstream, asked for when somebody wants to know.

    Before 3.6 it needs no token. Later ones that have auth switched on refuse it, and thereby say
    that they are healthy, and not older than 3.6.
    """

    def __init__(self, upstream: Upstream, limits: Limits) -> None:
        self._upstream = upstream
        self._limits = limits
        self._parse = proto.message_class(proto.message_type("etcdserverpb.StatusResponse"))
        self._version: str | None = None
        self._asked = float("-inf")
        self._refresh: asyncio.Task[None] | None = None

    async def version(self) -> str:
        """The server's version, such as ``3.6.14``.

        A known one is told at once, and asked for again in the background when it is old.

        Raises:
            UpstreamError: etcd was never reached, or not in time.
        """
        if time.monotonic() - self._asked > self._limits.version_cache_time:
            self._start_refresh()
        if self._version is None:
            await self._wait_for_refresh()
        assert self._version is not None, "a refresh without a version raises"
        return self._version

    async def unhealthy(self) -> str:
        """Why etcd is not healthy: an alarm, no leader or no answer; empty when it is.

        Source: etcd server/etcdserver/api/etcdhttp/health.go, for the words.
        """
        try:
            status = await self._status(self._limits.health_timeout)
        except UpstreamError as error:
            return "" if error.code in _ANONYMOUS else error.message
        alarms = _ALARM.findall(" ".join(status.errors))
        if alarms:
            return f"ALARM {alarms[0]}"
        return "" if status.leader else _NO_LEADER

    def _start_refresh(self) -> None:
        loop = asyncio.get_running_loop()
        if self._refresh is None or self._refresh.done() or self._refresh.get_loop() is not loop:
            self._refresh = loop.create_task(self._ask())
            self._refresh.add_done_callback(_retrieve)

    async def _ask(self) -> None:
        try:
            version = (await self._status(self._limits.health_timeout)).version
        except UpstreamError as error:
            if error.code not in _ANONYMOUS:
                raise
            version = self._version or _FIRST_TO_ASK
        self._version, self._asked = version, time.monotonic()

    async def _wait_for_refresh(self) -> None:
        assert self._refresh is not None
        done, _ = await asyncio.wait({self._refresh}, timeout=self._limits.version_timeout)
        if not done:
            raise UpstreamError(Code.UNAVAILABLE, _STARTING)
        self._refresh.result()

    async def _status(self, timeout: float) -> Any:
        answer = await self._upstream.unary(_STATUS, b"", _METADATA, timeout)
        return self._parse.FromString(answer)


def _retrieve(task: asyncio.Task[None]) -> None:
    """Mark the error of a refresh as seen: those who wait for it get it, others need not."""
    if not task.cancelled():
        task.exception()
