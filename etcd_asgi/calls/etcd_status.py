"""The upstream's version and health, from its Status RPC."""

from __future__ import annotations

import asyncio
import re
import time
from copy import copy
from typing import Any

from etcd_asgi.errors import UpstreamError
from etcd_asgi.etcd import proto
from etcd_asgi.metadata import Metadata
from etcd_asgi.settings import Limits
from etcd_asgi.status import Code
from etcd_asgi.upstream import Upstream

_STATUS = "/etcdserverpb.Maintenance/Status"
_METADATA: Metadata = [("grpcgateway-accept", "*/*")]
_ALARM = re.compile(r"alarm:(\w+)")
_NO_LEADER = "RAFT NO LEADER"

_ANONYMOUS = frozenset({Code.INVALID_ARGUMENT, Code.UNAUTHENTICATED, Code.PERMISSION_DENIED})
"""Codes of the reply of an etcd with auth to a call without a token: it is up."""


class EtcdStatus:
    """Version and health of etcd, cached and refreshed on demand.

    Late releases that have auth switched on refuse Status without a token. They are healthy then,
    and their version is unknown until a caller with a token has asked for it.

    Args:
        upstream: of the gateway.
        limits: seconds to wait for etcd, and to cache its replies.
        assumed: the version to return as long as etcd's own is not known.
    """

    def __init__(self, upstream: Upstream, limits: Limits, assumed: str) -> None:
        self._upstream = upstream
        self._limits = limits
        self._assumed = assumed
        self._parse = proto.message_class(proto.message_type("etcdserverpb.StatusResponse"))
        self._version: str | None = None
        self._refused = False
        self._failed: UpstreamError | None = None
        self._asked = float("-inf")
        self._refresh: asyncio.Task[None] | None = None
        self._health: asyncio.Task[str] | None = None
        self._health_asked = float("-inf")

    async def version(self, token: Metadata) -> str:
        """Return the server's version, such as ``3.6.14``.

        A known one is returned at once, and refreshed in the background when it is old. The first
        may take longer than clients wait, which then get the assumed one: they choose their paths
        by it, and some end when they get none.

        Args:
            token: the caller's, as metadata, if it has one.

        Raises:
            UpstreamError: etcd was asked and could not be reached, and its version is not known.
        """
        unknown = self._version is None and (not self._refused or bool(token))
        if unknown or time.monotonic() - self._asked > self._limits.version_cache_time:
            self._start_refresh(token)
        if unknown:
            await self._wait_for_refresh()
        if unknown and self._failed is not None:
            raise copy(self._failed)
        return self._version or self._assumed

    async def unhealthy(self) -> str:
        """Return the reason why etcd is not healthy: an alarm, no leader, no reply; empty if it is.

        Anybody may ask, so one call serves all who wait for it, and those who ask soon after it.
        """
        loop, task = asyncio.get_running_loop(), self._health
        if task is None or task.get_loop() is not loop or self._is_old(task):
            self._health_asked = time.monotonic()
            task = self._health = loop.create_task(self._find_fault())
        await asyncio.wait({task})
        return "" if task.cancelled() else task.result()

    def _is_old(self, task: asyncio.Task[str]) -> bool:
        age = time.monotonic() - self._health_asked
        return task.done() and (task.cancelled() or age > self._limits.health_cache_time)

    async def _find_fault(self) -> str:
        """Ask etcd for the reason.

        Source: etcd server/etcdserver/api/etcdhttp/health.go, for the texts.
        """
        try:
            status = await self._status(self._limits.health_timeout)
        except UpstreamError as error:
            return "" if error.code in _ANONYMOUS else error.message
        alarms = _ALARM.findall(" ".join(status.errors))
        if alarms:
            return f"ALARM {alarms[0]}"
        return "" if status.leader else _NO_LEADER

    def _start_refresh(self, token: Metadata) -> None:
        loop = asyncio.get_running_loop()
        if self._refresh is None or self._refresh.done() or self._refresh.get_loop() is not loop:
            self._refresh = loop.create_task(self._ask(token))

    async def _ask(self, token: Metadata) -> None:
        try:
            self._version = (await self._status(self._limits.health_timeout, token)).version
            self._refused = False
        except UpstreamError as error:
            if error.code not in _ANONYMOUS:
                self._failed = error
                return
            self._refused = True
        self._failed, self._asked = None, time.monotonic()

    async def _wait_for_refresh(self) -> None:
        assert self._refresh is not None
        await asyncio.wait({self._refresh}, timeout=self._limits.version_timeout)

    async def _status(self, timeout: float, token: Metadata | None = None) -> Any:
        reply = await self._upstream.unary(_STATUS, b"", [*_METADATA, *(token or [])], timeout)
        return self._parse.FromString(reply)
