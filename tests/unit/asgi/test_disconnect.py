"""A client that disconnects while its call is under way."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

import anyio
import pytest
from starlette.types import Message, Receive

from etcd_asgi.asgi.disconnect import DisconnectMonitor
from etcd_asgi.errors import ClientDisconnected

T = TypeVar("T")


async def during(receive: Receive, call: Coroutine[object, object, T]) -> T:
    """Await *call* as an endpoint does."""
    with DisconnectMonitor().watch() as watch:
        watch.listen(receive)
        return await call


class Client:
    """It stays connected until it is to disconnect."""

    def __init__(self) -> None:
        self.disconnects = asyncio.Event()
        self.listened = asyncio.Event()
        self.cancelled = False

    async def receive(self) -> Message:
        self.listened.set()
        try:
            await self.disconnects.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return {"type": "http.disconnect"}


async def test_a_call_is_cancelled_when_its_client_disconnects() -> None:
    client, cancelled = Client(), asyncio.Event()

    async def call() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    async def disconnect() -> None:
        await client.listened.wait()
        client.disconnects.set()

    with anyio.fail_after(10):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(disconnect())
            with pytest.raises(ClientDisconnected):
                await during(client.receive, call())
    assert cancelled.is_set()


async def test_a_quick_call_never_listens() -> None:
    client = Client()

    async def call() -> str:
        return "done"

    assert await during(client.receive, call()) == "done"
    assert not client.listened.is_set()


async def test_the_server_ends_the_listening_not_we() -> None:
    """granian closes the connection of a request whose receive() is cancelled."""
    client = Client()

    async def call() -> str:
        await client.listened.wait()
        return "done"

    with anyio.fail_after(10):
        assert await during(client.receive, call()) == "done"
        await anyio.wait_all_tasks_blocked()
        assert not client.cancelled
        client.disconnects.set()
        await anyio.wait_all_tasks_blocked()


async def test_a_cancellation_of_the_hosts_own_is_passed_on() -> None:
    client = Client()
    task = asyncio.create_task(during(client.receive, anyio.sleep_forever()))
    with anyio.fail_after(10):
        await client.listened.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    client.disconnects.set()
    await anyio.wait_all_tasks_blocked()


@pytest.mark.parametrize("error", [None, RuntimeError("the body has been read")])
async def test_a_call_goes_on_when_its_client_cannot_be_heard(error: Exception | None) -> None:
    """Some middleware gives the body again and again, and some raises once it has been read."""
    listened = asyncio.Event()

    async def receive() -> Message:
        listened.set()
        if error is not None:
            raise error
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def call() -> str:
        await listened.wait()
        await anyio.wait_all_tasks_blocked()
        return "done"

    with anyio.fail_after(10):
        assert await during(receive, call()) == "done"
