"""The connections of a process: per event loop, and opened anew when certificates change."""

from __future__ import annotations

import asyncio
import logging
import os
import weakref
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any

from etcd_asgi.errors import UpstreamError
from etcd_asgi.per_loop import PerLoop
from etcd_asgi.settings import Limits
from etcd_asgi.status import Code
from etcd_asgi.upstream.certificates import Certificates
from etcd_asgi.upstream.connections import Connections
from etcd_asgi.upstream.targets import Target
from etcd_asgi.upstream.tls import TLS
from etcd_asgi.upstream.transport import Transport

logger = logging.getLogger("etcd_asgi.upstream")


class Pool:
    """Connections of each event loop and process, opened at its first call.

    So it can be made at import time, before a fork, and be used from many loops.

    Args:
        transport: what opens them.
        targets: what to connect to, in the order of preference.
        limits: of connections.
        tls: files of certificates, for targets that are secure.
    """

    def __init__(
        self, transport: Transport, targets: Sequence[Target], limits: Limits, tls: TLS | None
    ) -> None:
        self._transport = transport
        self._targets = targets
        self._limits = limits
        secure = any(target.secure for target in targets)
        self._certificates = Certificates(tls or TLS()) if secure else None
        self.loops = PerLoop(self._make)
        """The connections of each loop, asked by itself, as a function costs each small call.

        Raises:
            UpstreamError: the certificates cannot be used, or this process was forked too late.
        """

        self._inherited: PerLoop[LoopPool] | None = None
        """In a forked child, what its parent had open. It stays referenced: freeing it may hang."""

        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=partial(_drop_inherited, weakref.ref(self)))

    async def aclose(self) -> None:
        """End all calls of the running loop and close its connections."""
        found = self.loops.take()
        if found is not None:
            await found.aclose()

    def drop_inherited(self) -> None:
        """Go on in a forked child without the connections of its parent, if there are any."""
        if self.loops:
            self._inherited, self.loops = self.loops, PerLoop(self._make)

    def _make(self) -> LoopPool:
        error = self._transport.fork_error
        if self._inherited is not None and error is not None:
            logger.error(error)
            raise UpstreamError(Code.UNAVAILABLE, error, local=True)
        return LoopPool(self._transport, self._targets, self._limits, self._certificates)


def _drop_inherited(pool: weakref.ref[Pool]) -> None:
    found = pool()
    if found is not None:
        found.drop_inherited()


class LoopPool:
    """Connections of one event loop: those of streams are apart, so that neither delays the other.

    Certificates are read when a connection is opened. So when the files change, new connections
    are opened for new calls. The former ones are closed when the last call on them has ended.

    Args:
        transport: what opens them.
        targets: what to connect to.
        limits: ``tls_check_time`` is how often the files are looked at.
        certificates: of secure targets.

    Raises:
        UpstreamError: the certificates cannot be used.
    """

    def __init__(
        self,
        transport: Transport,
        targets: Sequence[Target],
        limits: Limits,
        certificates: Certificates | None,
    ) -> None:
        self._transport = transport
        self._targets = targets
        self._limits = limits
        self._certificates = certificates
        self._secure = None if certificates is None else certificates.current()
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._draining: set[Connections] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.unary = self._open()
        self.streams = self._open(for_streams=True)
        if certificates is not None and certificates.can_change:
            self._look_later()

    async def aclose(self) -> None:
        """End all calls and close all connections."""
        self._closed = True
        for connections in (self.unary, self.streams, *self._draining):
            await connections.aclose()

    def look(self) -> None:
        """See in a thread whether the files have changed."""
        if not self._closed:
            self._start(self._renew())

    def _open(self, *, for_streams: bool = False) -> Connections:
        opened = [
            self._transport.open(target, self._secure, for_streams=for_streams)
            for target in self._targets
        ]
        return Connections(opened, self._limits)

    def _look_later(self) -> None:
        # Not kept alive by its timer: nobody has to close a gateway.
        self._loop.call_later(self._limits.tls_check_time, _look_now, weakref.ref(self))

    async def _renew(self) -> None:
        assert self._certificates is not None
        try:
            secure = await asyncio.to_thread(self._certificates.look)
        except RuntimeError:  # the loop is about to end and takes no more threads
            return
        if secure is not None and secure != self._secure and not self._closed:
            self._secure = secure
            former = self.unary, self.streams
            self.unary, self.streams = self._open(), self._open(for_streams=True)
            logger.info("certificates have changed: new connections are made with the new ones")
            for connections in former:
                self._draining.add(connections)
                connections.retire(partial(self._drained, connections))
        self._look_later()

    def _drained(self, connections: Connections) -> None:
        self._draining.discard(connections)
        if not self._closed:
            self._start(connections.aclose())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _look_now(pool: weakref.ref[LoopPool]) -> None:
    found = pool()
    if found is not None:
        found.look()
