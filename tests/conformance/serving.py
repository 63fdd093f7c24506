"""ASGI apps under uvicorn on real sockets, all on one event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn


class Loop:
    """An event loop that runs in a thread until it is closed."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self.loop.run_forever, name="conformance-servers", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop the loop and wait for its thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    @contextmanager
    def serve(self, app: Any) -> Iterator[str]:
        """Serve an app; gives its address as host:port and ends it in order on leaving."""
        listener = socket.create_server(("127.0.0.1", 0))
        # asyncio sets it only where the protocol is named; without it a second piece waits 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(app, http="h11", ws="wsproto", lifespan="on", log_level="warning")
        server = uvicorn.Server(config)
        done = asyncio.run_coroutine_threadsafe(server.serve([listener]), self.loop)
        try:
            yield "127.0.0.1:{1}".format(*listener.getsockname())
        finally:
            server.should_exit = True
            done.result()
