"""The examples as their visitors meet them: started with their one command, and logged in to."""

from __future__ import annotations

import os
import re
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from etcd_asgi.testing.process import ChildProcess
from tests.hosts.serving import ROOT, until

TIMEOUT = 20.0
USERS = ("red-writer", "red-reader", "blue-writer")
READY = "Ctrl-C ends both."
_FIELD = {"fastapi": "name", "django": "username"}
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An example that runs."""

    kind: str
    url: str
    etcd: str
    passwords: Mapping[str, str]

    def visitor(self) -> httpx.Client:
        """A browser with an empty cookie jar."""
        return httpx.Client(base_url=self.url, timeout=TIMEOUT)

    def form(self, client: httpx.Client, **fields: str) -> dict[str, str]:
        """A form's fields, with what the page hides in it."""
        token = _TOKEN.search(client.get("/login").text)
        return {**fields, **({"csrfmiddlewaretoken": token[1]} if token else {})}

    def log_in(self, client: httpx.Client, user: str, password: str = "") -> httpx.Response:
        """Fill the form of the login page in, and send it."""
        name = {_FIELD[self.kind]: user}
        form = self.form(client, **name, password=password or self.passwords[user])
        return client.post("/login", data=form, headers={"origin": self.url})

    def socket(self, client: httpx.Client, path: str, origin: str = "") -> ClientConnection:
        """A WebSocket with the cookies of *client*, from a page of this host or of another."""
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        return connect(
            f"{self.url.replace('http', 'ws', 1)}/etcd/v3/{path}",
            additional_headers={"cookie": cookies} if cookies else {},
            origin=Origin(origin or self.url),
            proxy=None,
            open_timeout=TIMEOUT,
        )


def call(client: httpx.Client, path: str, body: Any) -> httpx.Response:
    """One RPC over POST."""
    return client.post(f"/etcd/v3/{path}", json=body)


def text(value: str) -> str:
    """Base64, as the API has keys and values."""
    return b64encode(value.encode()).decode()


@contextmanager
def running(kind: str, folder: Path, *arguments: str) -> Iterator[Example]:
    """An example with an etcd of its own, as ``make demo`` starts it."""
    log_path = folder / f"{kind}.log"
    command = [sys.executable, "-m", f"examples.{kind}_app.demo", "--port=0", *arguments]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    process = ChildProcess(command, log_path=log_path, env=env, scratch=None)
    try:
        until(lambda: READY in log_path.read_text() or process.poll() is not None, "a welcome")
        output = log_path.read_text()
        assert READY in output, output
        etcd, url = re.findall(r"http://127\.0\.0\.1:\d+", output)[:2]
        passwords = dict(re.findall(r"^  (\S+)\s+password (\S+)$", output, re.MULTILINE))
        yield Example(kind=kind, url=url, etcd=etcd, passwords=passwords)
        assert process.poll() is None, "it ended by itself"
    finally:
        process.stop(TIMEOUT)
    assert "Traceback" not in log_path.read_text(), log_path.read_text()
