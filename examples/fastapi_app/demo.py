"""The application in front of a real etcd with a few sample keys: ``make demo``.

Everything is stopped on Ctrl-C and on SIGTERM.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import signal
import socket
import sys
import urllib.request
from collections.abc import Callable, Sequence
from functools import partial

import uvicorn

from etcd_asgi.testing import EtcdServer

SAMPLES = {"greeting": "hello", "fruit/apple": "green", "fruit/banana": "yellow"}
LAST_PORT = 65535
GRACE = 2
"""Seconds that requests under way have to end, once a signal has come."""

WELCOME = """
etcd {version} runs on {etcd}, and a FastAPI application on {url}: open

  {url}/              a route of the application
  {url}/etcd/version  etcd, mounted under /etcd

Keys and values are base64, as always in etcd's JSON API. Try, in another terminal,

curl {url}/etcd/v3/kv/put -d '{put}'
curl {url}/etcd/v3/kv/range -d '{range}'
curl {url}/etcd/version

Ctrl-C ends both.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until a signal ends it."""
    options = _options(arguments)
    signals = _Signals()
    with _listen(options.port) as listener, EtcdServer() as etcd:
        signals.end(partial(_run, etcd, listener))
    sys.exit(signals.status)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m examples.fastapi_app.demo", description=__doc__
    )
    parser.add_argument(
        "--port",
        type=int,
        default=os.environ.get("PORT") or 8000,
        help="where the application listens, or the next free port; 0 is any (default: 8000)",
    )
    options = parser.parse_args(arguments)
    if not 0 <= options.port <= LAST_PORT:
        parser.error(f"a port is a number from 0 to {LAST_PORT}, not {options.port}")
    return options


def _listen(port: int) -> socket.socket:
    """Listen on *port*, or on the next that is free."""
    for candidate in range(port, LAST_PORT + 1):
        try:
            return socket.create_server(("127.0.0.1", candidate))
        except OSError as error:
            if candidate == port:
                print(f"port {port} is not free: {error.strerror}", file=sys.stderr)
    raise SystemExit(f"no port from {port} on is free")


def _run(etcd: EtcdServer, listener: socket.socket) -> None:
    _put_samples(etcd.endpoint)
    print(_welcome(etcd, listener.getsockname()[1]), flush=True)
    _serve(etcd.endpoint, listener)


def _put_samples(etcd: str) -> None:
    for key, value in SAMPLES.items():
        body = json.dumps({"key": _base64(key), "value": _base64(value)}).encode()
        with urllib.request.urlopen(f"{etcd}/v3/kv/put", body, timeout=10):
            pass


def _welcome(etcd: EtcdServer, port: int) -> str:
    return WELCOME.format(
        version=etcd.version,
        etcd=etcd.endpoint,
        url=f"http://127.0.0.1:{port}",
        put=json.dumps({"key": _base64("fruit/cherry"), "value": _base64("red")}),
        range=json.dumps({"key": _base64("fruit/"), "range_end": _base64("fruit0")}),
    )


def _serve(etcd: str, listener: socket.socket) -> None:
    os.environ["ETCD_URL"] = etcd
    from examples.fastapi_app.main import app

    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=GRACE)
    uvicorn.Server(config).run(sockets=[listener])


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class _Stopped(SystemExit):
    """A signal came."""


class _Signals:
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


if __name__ == "__main__":
    main()
