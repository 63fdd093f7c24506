"""A program that serves an application until a signal ends it, with nothing left behind."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from etcd_asgi import Gateway
from etcd_asgi.testing import EtcdServer

LAST_PORT = 65535
LOOK_PAUSE = 1.0
"""Seconds between two looks at etcd."""

GRACE = 2
"""Seconds that requests under way have to end, once a signal has come."""


def parser(program: str, description: str | None) -> argparse.ArgumentParser:
    """The options that these programs have in common."""
    options = argparse.ArgumentParser(prog=program, description=description)
    options.add_argument(
        "--port",
        type=_port,
        default=os.environ.get("PORT") or "8000",
        help="where the application listens, or the next free port; 0 is any (default: 8000)",
    )
    options.add_argument(
        "--etcd", metavar="URL", help="an etcd that runs (default: one of the demo's own)"
    )
    return options


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to {LAST_PORT}, not {text}")
    return int(text)


@contextmanager
def etcd_url(url: str | None) -> Iterator[tuple[str, str]]:
    """The URL of etcd, and what to call it: a real one that is started if *url* is none."""
    if url:
        yield url, "etcd"
        return
    with EtcdServer() as etcd, _watched(etcd):
        yield etcd.endpoint, f"etcd {etcd.version}"


@contextmanager
def _watched(etcd: EtcdServer) -> Iterator[None]:
    """Say so when etcd ends by itself."""
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(LOOK_PAUSE):
            if not etcd.running:
                print("etcd has ended by itself: start the demo anew", file=sys.stderr, flush=True)
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def listen(port: int) -> socket.socket:
    """Listen on *port*, or on the next that is free."""
    for candidate in range(port, LAST_PORT + 1):
        try:
            return socket.create_server(("127.0.0.1", candidate))
        except OSError as error:
            if candidate == port:
                print(f"port {port} is not free: {error.strerror}", file=sys.stderr)
    raise SystemExit(f"no port from {port} on is free")


def serve(app: Any, gateway: Gateway, listener: socket.socket) -> None:
    """Serve *app* until a signal comes."""
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=GRACE)
    _Server(config, gateway).run(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that ends the gateway's streams first: uvicorn waits for what is under way."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway) -> None:
        super().__init__(config)
        self._gateway = gateway

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End in order."""
        await self._gateway.aclose()
        await super().shutdown(sockets)


class _Stopped(SystemExit):
    """A signal came."""


class Signals:
    """Ctrl-C and SIGTERM, raised where that does no harm.

    In the middle of starting or ending a process it could leave that process behind, so there a
    signal waits.
    """

    def __init__(self) -> None:
        self._number = 0
        self._may_raise = False
        signal.signal(signal.SIGINT, self._come)
        signal.signal(signal.SIGTERM, self._come)

    @property
    def status(self) -> int:
        """The exit status that stands for the signal."""
        return 128 + self._number if self._number == signal.SIGTERM else 0

    def end(self, block: Callable[[], None]) -> None:
        """Run a block that a signal ends, also one that has come before."""
        try:
            self._may_raise = True
            if self._number:
                return
            block()
        except _Stopped:
            return
        finally:
            self._may_raise = False

    def _come(self, number: int, _frame: object) -> None:
        self._number = number
        if self._may_raise:
            raise _Stopped
