"""The service that transports are tested with, in memory and over gRPC alike."""

from __future__ import annotations

import asyncio

from etcd_asgi import UpstreamError
from etcd_asgi.testing import FakeCall, FakeUpstream

ECHO, SIZED, FAIL, METADATA, TIMEOUT, WAIT, SEEN, ONE = (
    f"/contract.Service/{name}"
    for name in ("Echo", "Sized", "Fail", "Metadata", "Timeout", "Wait", "Seen", "One")
)


class Service:
    """Handlers of RPCs, and what they have seen: ``begun NAME`` and ``cancelled NAME``."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._changed = asyncio.Condition()
        self.handlers = {
            ECHO: self.echo,
            SIZED: self.sized,
            FAIL: self.fail,
            METADATA: self.metadata,
            TIMEOUT: self.timeout,
            WAIT: self.wait,
            SEEN: self.seen,
            ONE: self.one,
        }

    def fake(self) -> FakeUpstream:
        """Return an upstream in memory with these handlers."""
        upstream = FakeUpstream()
        for rpc, handler in self.handlers.items():
            upstream.handle(rpc, handler)
        return upstream

    async def echo(self, call: FakeCall) -> None:
        """Send each message back."""
        while (request := await call.receive()) is not None:
            call.send(request)

    async def sized(self, call: FakeCall) -> None:
        """Send as many bytes as the request says."""
        call.send(bytes(int(await call.receive() or b"0")))

    async def fail(self, call: FakeCall) -> None:
        """Fail with the code and the text that the request says."""
        code, _, text = (await call.receive() or b"").decode().partition(" ")
        raise UpstreamError(int(code), text)

    async def metadata(self, call: FakeCall) -> None:
        """Send the metadata whose keys begin with ``x-``."""
        call.send(repr([pair for pair in call.metadata if pair[0].startswith("x-")]).encode())

    async def timeout(self, call: FakeCall) -> None:
        """Send whether there is a deadline within two minutes."""
        call.send(str(call.timeout is not None and call.timeout < 120).encode())

    async def wait(self, call: FakeCall) -> None:
        """Wait for ever, and note under the name in the request when that ends."""
        name = (await call.receive() or b"").decode()
        await self._note(f"begun {name}")
        try:
            await asyncio.Event().wait()
        finally:
            await self._note(f"cancelled {name}")

    async def one(self, call: FakeCall) -> None:
        """Send a message, and then wait as :meth:`wait` does."""
        call.send(b"one")
        await self.wait(call)

    async def seen(self, call: FakeCall) -> None:
        """Respond once the note in the request has been taken."""
        note = (await call.receive() or b"").decode()
        async with self._changed:
            await self._changed.wait_for(lambda: note in self._seen)
        call.send(b"seen")

    async def _note(self, note: str) -> None:
        async with self._changed:
            self._seen.add(note)
            self._changed.notify_all()
