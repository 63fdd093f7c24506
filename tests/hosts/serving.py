"""Host applications under real servers, each in a process of its own."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from etcd_asgi.testing.ports import ReservedPort
from etcd_asgi.testing.process import ChildProcess

ROOT = Path(__file__).parents[2]
DEADLINE = 90.0
"""Seconds after which a test gives up on something that it waits for."""

SERVERS: Mapping[str, Callable[[int], Sequence[str]]] = {
    "uvicorn": lambda port: ("uvicorn", f"--port={port}"),
    "hypercorn": lambda port: ("hypercorn", f"--bind=127.0.0.1:{port}"),
    "granian": lambda port: ("granian", "--interface=asgi", f"--port={port}"),
}
"""The modules of the servers, and their arguments before the application's name."""


class AppServer:
    """A server process with one application."""

    def __init__(
        self,
        app: str,
        *,
        log_path: Path,
        server: str = "uvicorn",
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        folder: Path = ROOT,
    ) -> None:
        """Describe the server; nothing runs before it is entered.

        Args:
            app: where the application is, as in ``package.module:name``.
            log_path: where the server's output goes.
            server: a key of :data:`SERVERS`.
            args: further arguments of the server.
            env: further variables of its environment.
            folder: the working directory, which modules are imported from.
        """
        self._server = server
        self._port = ReservedPort()
        module, *ours = SERVERS[server](self._port.number)
        self._command = [sys.executable, "-m", module, *ours, *args, app]
        path = os.pathsep.join([str(folder), str(ROOT)])
        self._env = {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **(env or {})}
        self.log_path = log_path
        self.url = self._port.url

    def __enter__(self) -> Self:
        self.process = ChildProcess(
            self._command, log_path=self.log_path, env=self._env, scratch=None
        )
        try:
            until(self._answers, f"{self._command} answers")
        except BaseException as error:
            error.add_note(self.log)
            self.process.kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        self._port.release()

    def stop(self) -> int:
        """End the server in order; gives its exit status, negative for a signal."""
        if self._server == "granian" and self.process.poll() is None:
            # Its main process ends its workers, and takes one that is quicker for a crash.
            os.kill(self.process.pid, signal.SIGTERM)
            with suppress(TimeoutError):
                until(lambda: self.process.poll() is not None, "granian's end")
        return self.process.stop(DEADLINE)

    @property
    def log(self) -> str:
        """All that the server has written."""
        return self.log_path.read_text(errors="replace")

    @property
    def host_and_port(self) -> tuple[str, int]:
        """The address for sockets."""
        return "127.0.0.1", self._port.number

    def _answers(self) -> bool:
        status = self.process.poll()
        if status is not None:
            raise RuntimeError(f"the server ended with status {status} while it was starting")
        try:
            httpx.get(self.url)
        except httpx.TransportError:
            return False
        return True


def version_told(url: str, version: str) -> httpx.Response:
    """What ``/version`` below *url* answers once the gateway knows: at first it waits but 90 ms."""
    answers: list[httpx.Response] = []

    def is_known() -> bool:
        answers.append(httpx.get(f"{url}/version"))
        return answers[-1].is_success and answers[-1].json()["etcdserver"] == version

    until(is_known, f"{version} as the version of {url}")
    return answers[-1]


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for *condition*, which something outside of this process makes true.

    Raises:
        TimeoutError: it did not become true.
    """
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not seen within {DEADLINE:g} s: {what}")
        time.sleep(0.02)
