"""Calls that etcd must not see cancelled, and that therefore outlast their clients.

A transaction that only reads ends etcd up to 3.5.4 when it is cancelled while etcd reads: by its
client, or by its deadline, which gRPC tells etcd. So neither reaches etcd: the call goes on to its
end, which is near, and its reply is dropped.

Source: etcd server/etcdserver/apply.go, applyTxn ("unexpected error during txn"); mended by etcd
pull request 14178.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Any

from google.protobuf.message import DecodeError as ParseError

from etcd_asgi import proto
from etcd_asgi.upstream.deadlines import exceeded

TXN = "KV.Txn"

_CLOSE_TIME = 10.0
"""Seconds for which closing the gateway waits for such calls: more than etcd takes for a request
before it gives up (etcd server/config/config.go, ReqTimeout)."""


def only_reads(rpc: str, request: bytes) -> bool:
    """Tell whether a serialized request is a transaction without a write.

    Source: etcd server/etcdserver/v3_server.go, isTxnReadonly.
    """
    if rpc != TXN:
        return False
    try:
        return not _writes(_txn_request().FromString(request))
    except ParseError:  # it is nested too deeply for the parser, and may be such a one
        return True


def _writes(txn: Any) -> bool:
    for operation in (*txn.success, *txn.failure):
        kind = operation.WhichOneof("request")
        if kind == "request_txn":
            if _writes(operation.request_txn):
                return True
        elif kind != "request_range":
            return True
    return False


@cache
def _txn_request() -> Any:
    return proto.message_class(proto.message_type("etcdserverpb.TxnRequest"))


class Outlasting:
    """The calls of a gateway that may outlast their clients."""

    def __init__(self) -> None:
        self._calls: set[asyncio.Task[bytes]] = set()

    async def aclose(self) -> None:
        """Wait for the calls of the running event loop, as closing the connection cancels them."""
        loop = asyncio.get_running_loop()
        calls = {call for call in self._calls if call.get_loop() is loop}
        if calls:
            await asyncio.wait(calls, timeout=_CLOSE_TIME)

    async def reply(
        self,
        call: Coroutine[Any, Any, bytes],
        timeout: float | None,
        keep: Callable[[], Callable[[], None]],
    ) -> bytes:
        """Wait for the reply of a call, which goes on if its client disconnects or its time is up.

        Args:
            call: made without a deadline.
            timeout: seconds until the client's deadline, or none.
            keep: called when the call is not waited for any more; what it returns is called when
                the call has ended.

        Raises:
            UpstreamError: the call ended with a status other than OK, or the deadline has passed.
        """
        task = asyncio.get_running_loop().create_task(call)
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        try:
            done, _ = await asyncio.wait({task}, timeout=timeout)
        except asyncio.CancelledError:
            _leave(task, keep())
            raise
        if not done:
            _leave(task, keep())
            raise exceeded()
        return task.result()


def _leave(task: asyncio.Task[bytes], over: Callable[[], None]) -> None:
    def ended(task: asyncio.Task[bytes]) -> None:
        if not task.cancelled():
            task.exception()  # seen, though nobody waits for it
        over()

    task.add_done_callback(ended)
