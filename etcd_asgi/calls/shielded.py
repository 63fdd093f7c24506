"""Calls that etcd must not see cancelled, and that are therefore shielded from their clients.

A transaction that only reads ends etcd up to 3.5.4 when it is cancelled while etcd reads: by its
client, or by its deadline, which gRPC sends to etcd. So neither reaches etcd: the call goes on to
its end, which is near, and its reply is dropped.

Source: etcd server/etcdserver/apply.go, applyTxn ("unexpected error during txn"), and v3_server.go,
isTxnReadonly; mended by etcd pull request 14178.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any

from etcd_asgi.calls.response_budget import Hold
from etcd_asgi.deadline import exceeded

_CLOSE_TIME = 10.0
"""Seconds for which closing the gateway waits for such calls: more than etcd takes for a request
before it gives up (etcd server/config/config.go, ReqTimeout)."""


class ShieldedCalls:
    """The calls of a gateway that go on after their clients have disconnected."""

    def __init__(self) -> None:
        self._calls: set[asyncio.Task[bytes]] = set()

    async def aclose(self) -> None:
        """Wait for the calls of the running event loop, as closing the connection cancels them."""
        loop = asyncio.get_running_loop()
        calls = {call for call in self._calls if call.get_loop() is loop}
        if calls:
            await asyncio.wait(calls, timeout=_CLOSE_TIME)

    async def reply(
        self, call: Coroutine[Any, Any, bytes], timeout: float | None, hold: Hold
    ) -> bytes:
        """Wait for the reply of a call, which goes on if its client disconnects or its time is up.

        Args:
            call: made without a deadline.
            timeout: seconds until the client's deadline, or none.
            hold: its part of the budget, which it keeps as long as it goes on.

        Raises:
            UpstreamError: the call ended with a status other than OK, or the deadline has passed.
        """
        task = asyncio.get_running_loop().create_task(call)
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        try:
            await asyncio.wait({task}, timeout=timeout)
        finally:
            if not task.done():
                task.add_done_callback(partial(_ended, hold.moved()))
        if not task.done():
            raise exceeded()
        return task.result()


def _ended(hold: Hold, task: asyncio.Task[bytes]) -> None:
    """Drop the result of a call that nobody waits for."""
    hold.close()
    if not task.cancelled():
        task.exception()  # seen
