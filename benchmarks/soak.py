"""Server-sent events over many restarts of etcd: ``python -m benchmarks.soak``.

A writer puts 50 times a second, etcd goes away every minute, by turns in order and killed, and a
client follows the writer's key as a browser does: with the last id when its response has ended.
In the end it must have seen every revision exactly once. Ends with 1 if it has not. Linux only.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import httpx

from benchmarks.contestants import KINDS, Contestant, running
from benchmarks.memory import resident_bytes
from etcd_asgi.testing import EtcdServer, find_etcd

_KEY = "soak/key"
_TIMEOUT = 30.0
_MIB = 1024 * 1024
_KINDS = {kind.name: kind for kind in KINDS if kind.name in ("uvicorn", "granian")}


@dataclass(slots=True)
class Writer:
    """Puts at an even pace, as far as etcd is there."""

    etcd: str
    pause: float
    stop: Event = field(default_factory=Event)
    puts: int = 0
    refused: int = 0

    def run(self) -> None:
        """Put until it is told to stop; what took too long is made up for."""
        due = time.monotonic()
        with httpx.Client(base_url=self.etcd, timeout=_TIMEOUT) as client:
            while not self.stop.wait(due - time.monotonic()):
                due += self.pause
                try:
                    put(client, str(self.puts))
                    self.puts += 1
                except httpx.HTTPError:
                    self.refused += 1


@dataclass(slots=True)
class Browser:
    """What an ``EventSource`` would have seen."""

    url: str
    seen: list[int] = field(default_factory=list)
    last_id: str = ""
    responses: int = 0
    failures: list[str] = field(default_factory=list)
    comments: int = 0
    listening: Event = field(default_factory=Event)
    stop: Event = field(default_factory=Event)

    def run(self) -> None:
        """Follow the key; connect again whenever the response ends."""
        with httpx.Client(timeout=_TIMEOUT) as client:
            while not self.stop.is_set():
                try:
                    self._follow(client)
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                self.stop.wait(0.5)

    def _follow(self, client: httpx.Client) -> None:
        headers = {"accept": "text/event-stream"}
        if self.last_id:
            headers["last-event-id"] = self.last_id
        self.responses += 1
        query = {"key": _KEY, "text": "1"}
        with client.stream("GET", self.url, params=query, headers=headers) as answer:
            if answer.status_code != 200:
                self.failures.append(f"status {answer.status_code}")
                return
            name = ""
            for line in answer.iter_lines():
                kind, _, value = line.partition(": ")
                name = value if kind == "event" else name
                self._take(kind, value, name)
                if self.stop.is_set():
                    return

    def _take(self, kind: str, value: str, name: str) -> None:
        match kind:
            case ":":
                self.comments += 1
            case "id":
                self.last_id = value
            case "data" if name == "change":
                self.seen += [int(one["kv"]["mod_revision"]) for one in json.loads(value)["events"]]
            case "data" if name == "created":
                self.listening.set()
            case "data" if name != "progress":
                self.failures.append(f"{name} {value}")


def main() -> None:
    """Run it, and print what was seen."""
    options = _options()
    etcd = EtcdServer(options.etcd or find_etcd(), args=["--unsafe-no-fsync"])
    with TemporaryDirectory() as folder, etcd:
        messages = Path(folder) / "messages"
        with running(_KINDS[options.server], etcd.client_port, messages) as contestant:
            sys.exit(0 if _soak(etcd, contestant, options) else 1)


def _soak(etcd: EtcdServer, contestant: Contestant, options: argparse.Namespace) -> bool:
    writer = Writer(etcd.endpoint, 1 / options.rate)
    browser = Browser(f"http://127.0.0.1:{contestant.port}/v3/watch")
    threads = [Thread(target=browser.run), Thread(target=writer.run)]
    threads[0].start()
    browser.listening.wait(_TIMEOUT)
    before = resident_bytes(contestant.pids)
    threads[1].start()
    restarts = _restart(etcd, options)
    writer.stop.set()
    threads[1].join()
    with httpx.Client(base_url=etcd.endpoint, timeout=_TIMEOUT) as client:
        last = put(client, "last")
        _await(lambda: bool(browser.seen) and browser.seen[-1] >= last)
        grown = resident_bytes(contestant.pids) - before
        browser.stop.set()
        put(client, "wakes the reader")
    threads[0].join()
    _print(browser, writer, restarts, last, grown)
    return [one for one in browser.seen if one <= last] == list(range(browser.seen[0], last + 1))


def _restart(etcd: EtcdServer, options: argparse.Namespace) -> int:
    """Take etcd away and bring it back until the time is over; gives how often."""
    end, restarts = time.monotonic() + options.minutes * 60, 0
    while time.monotonic() + options.every < end:
        time.sleep(options.every)
        etcd.kill() if restarts % 2 else etcd.stop()
        time.sleep(options.away)
        etcd.start()
        restarts += 1
    time.sleep(max(0.0, end - time.monotonic()))
    return restarts


def _print(browser: Browser, writer: Writer, restarts: int, last: int, grown: int) -> None:
    seen = [one for one in browser.seen if one <= last]
    wanted = range(seen[0], last + 1)
    for name, value in {
        "restarts of etcd": restarts,
        "puts that etcd took": writer.puts,
        "puts while it was away": writer.refused,
        "revisions to see": len(wanted),
        "revisions seen": len(seen),
        "missing": len(set(wanted) - set(seen)),
        "twice": len(seen) - len(set(seen)),
        "out of order": sum(one > other for one, other in pairwise(seen)),
        "responses": browser.responses,
        "comments": browser.comments,
        "failures": browser.failures or "none",
        "growth of the gateway in MiB": round(grown / _MIB, 1),
    }.items():
        print(f"{name}: {value}")


def put(client: httpx.Client, value: str) -> int:
    """Put to etcd itself; gives the revision.

    Raises:
        httpx.HTTPError: etcd did not take it, or nobody knows.
    """
    body = {"key": _base64(_KEY), "value": _base64(value)}
    answer = client.post("/v3/kv/put", json=body).raise_for_status()
    return int(answer.json()["header"]["revision"])


def _base64(value: str) -> str:
    return b64encode(value.encode()).decode()


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    add = parser.add_argument
    add("--minutes", type=float, default=10, help="how long")
    add("--every", type=float, default=55, help="seconds until etcd goes away")
    add("--away", type=float, default=5, help="seconds until it comes back")
    add("--rate", type=float, default=50, help="puts a second")
    add("--etcd", type=Path, help="the etcd to run; by default the first that is found")
    add("--server", choices=_KINDS, default="uvicorn", help="what the gateway runs under")
    return parser.parse_args()


if __name__ == "__main__":
    main()
