"""The channels of one event loop, opened anew when certificates change."""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any

from etcd_asgi.settings import Limits
from etcd_asgi.upstream.certificates import Certificates
from etcd_asgi.upstream.grpcio.channels import Channels
from etcd_asgi.upstream.targets import Target

logger = logging.getLogger("etcd_asgi.upstream")


class Connections:
    """Channels for calls and for streams: streams have their own, so that neither delays the other.

    gRPC reads certificates when a channel is opened. So when the files change, new channels are
    opened for new calls. The former ones are closed when the last call on them has ended.

    Args:
        targets: what to connect to.
        limits: ``tls_check_time`` is how often the files are looked at.
        certificates: of secure targets.

    Raises:
        UpstreamError: the certificates cannot be used.
    """

    def __init__(
        self, targets: Sequence[Target], limits: Limits, certificates: Certificates | None
    ) -> None:
        self._targets = targets
        self._limits = limits
        self._certificates = certificates
        self._secure = None if certificates is None else certificates.current()
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._draining: set[Channels] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.unary, self.streams = self._open()
        if certificates is not None and certificates.can_change:
            self._look_later()

    async def aclose(self) -> None:
        """End all calls and close all channels."""
        self._closed = True
        for channels in (self.unary, self.streams, *self._draining):
            await channels.aclose()

    def _open(self) -> tuple[Channels, Channels]:
        settings = (self._targets, self._limits, self._secure)
        return Channels(*settings), Channels(*settings, streams=True)

    def _look_later(self) -> None:
        # Not kept alive by its timer: nobody has to close a gateway.
        self._loop.call_later(self._limits.tls_check_time, _look_now, weakref.ref(self))

    def look(self) -> None:
        """See in a thread whether the files have changed."""
        if not self._closed:
            self._start(self._renew())

    async def _renew(self) -> None:
        assert self._certificates is not None
        try:
            secure = await asyncio.to_thread(self._certificates.look)
        except RuntimeError:  # the loop is about to end and takes no more threads
            return
        if secure is not None and secure != self._secure and not self._closed:
            self._secure = secure
            former = self.unary, self.streams
            self.unary, self.streams = self._open()
            logger.info("certificates have changed: new connections are made with the new ones")
            for channels in former:
                self._draining.add(channels)
                channels.retire(partial(self._drained, channels))
        self._look_later()

    def _drained(self, channels: Channels) -> None:
        self._draining.discard(channels)
        if not self._closed:
            self._start(channels.aclose())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _look_now(connections: weakref.ref[Connections]) -> None:
    found = connections()
    if found is not None:
        found.look()
