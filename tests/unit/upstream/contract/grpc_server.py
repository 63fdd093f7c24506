"""The contract's service as a gRPC server in a process of its own: it prints its port."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import grpc.aio

from etcd_asgi import UpstreamError
from etcd_asgi.testing import FakeCall
from etcd_asgi.testing.upstream import Handler
from tests.unit.upstream.contract.service import Service

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_MIB = 1024 * 1024


class AnyKind(grpc.GenericRpcHandler):
    """Serves all RPCs as streams: on the wire a unary call is one."""

    def __init__(self, service: Service) -> None:
        self._handlers = service.handlers

    def service(self, handler_call_details: Any) -> Any:
        method: str = handler_call_details.method
        handler = self._handlers.get(method)
        if handler is None:
            return None
        return grpc.stream_stream_rpc_method_handler(partial(_serve, method, handler))


async def _serve(method: str, handler: Handler, requests: Any, context: Any) -> None:
    await context.send_initial_metadata((("down", "1"), ("down-bin", b"\0\xff")))
    context.set_trailing_metadata((("last", "1"), ("last-bin", b"\xff")))
    up: asyncio.Queue[bytes | None] = asyncio.Queue()
    down: asyncio.Queue[bytes | None] = asyncio.Queue()
    metadata = [(str(key), value) for key, value in context.invocation_metadata()]
    call = FakeCall(method, metadata, context.time_remaining(), up, down)
    tasks = [
        asyncio.create_task(_fill(up, requests)),
        asyncio.create_task(_play(call, handler, down)),
    ]
    try:
        while (message := await down.get()) is not None:
            await context.write(message)
        await tasks[1]
    except UpstreamError as error:
        await context.abort(_CODES[error.code], error.message)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _fill(up: asyncio.Queue[bytes | None], requests: Any) -> None:
    async for request in requests:
        up.put_nowait(request)
    up.put_nowait(None)


async def _play(call: FakeCall, handler: Handler, down: asyncio.Queue[bytes | None]) -> None:
    try:
        await handler(call)
    finally:
        down.put_nowait(None)


async def main() -> None:
    options = [("grpc.max_receive_message_length", 16 * _MIB)]
    server = grpc.aio.server(handlers=[AnyKind(Service())], options=options)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)  # noqa: T201 - it is how the tests find it
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
