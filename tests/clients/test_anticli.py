"""anticli of the npm package antietcd: HTTP and WebSocket with JavaScript's own libraries."""

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.running import CLIENTS, Gateway, gateway

ANTICLI = CLIENTS / "npm/node_modules/antietcd/anticli.js"
PATIENCE = Path(__file__).parent / "npm/patience.cjs"
RUN = ("node", "-r", str(PATIENCE), str(ANTICLI))
TIMEOUT = 60.0
"""Seconds after which a test gives up on anticli."""

Anticli = Callable[..., str]
"""``anticli(*arguments, stdin=None)`` gives what it prints."""


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("root", ""), id="root"),
        pytest.param(("mounted", "/etcd"), id="mounted"),
    ],
)
def served(
    request: pytest.FixtureRequest, clients: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Gateway, str]]:
    """A gateway, and its URL."""
    if shutil.which("npm") is None:
        pytest.skip("there is no npm on this machine to install antietcd with")
    assert ANTICLI.exists(), "antietcd is not installed: run make clients"
    app, mount = request.param
    with gateway(app, tmp_path_factory.mktemp("anticli")) as served:
        yield served, served.server.url + mount


@pytest.fixture
def anticli(served: tuple[Gateway, str]) -> Anticli:
    def run(*arguments: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            [*RUN, "-e", served[1], *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return run


def test_what_anticli_puts_it_gets_and_deletes(anticli: Anticli) -> None:
    assert anticli("put", "/put/a", "1") == "OK\n"
    assert anticli("put", "/put/b", stdin="grüße") == "OK\n"
    assert anticli("get", "/put/a") == "/put/a\n1\n"
    assert anticli("get", "/put/", "-p") == "/put/a\n1\n/put/b\ngrüße\n"
    assert anticli("get", "/put/", "-p", "-k") == "/put/a\n/put/b\n"
    assert anticli("del", "/put/a") == "1\n"
    assert anticli("get", "/put/", "-p", "-v") == "grüße\n"


def test_anticli_loads_what_it_has_dumped(anticli: Anticli) -> None:
    for name in ("a", "b", "c"):
        anticli("put", f"/load/{name}", name)
    dump = anticli("get", "/load/", "-p", "--json")
    assert len(json.loads(dump)["kvs"]) == 3
    assert anticli("del", "/load/", "-p") == "3\n"
    assert anticli("load", stdin=dump) == "OK, loaded 3 values\n"
    assert anticli("get", "/load/", "-p", "-v") == "a\nb\nc\n"


def test_anticli_watches_over_a_websocket(served: tuple[Gateway, str], anticli: Anticli) -> None:
    """It asks for /watch beside its endpoint: the version prefix makes that etcd's own path."""
    _, url = served
    watching = subprocess.Popen(
        [*RUN, "-e", f"{url}/v3", "watch", "/ws", "-p"],
        stdout=subprocess.PIPE,
        text=True,
    )
    give_up = threading.Timer(TIMEOUT, watching.kill)
    give_up.start()
    try:
        assert watching.stdout is not None
        created = json.loads(watching.stdout.readline())["result"]
        assert (created["created"], created["watch_id"]) == (True, "1")
        anticli("put", "/ws/a", "1")
        event = json.loads(watching.stdout.readline())["result"]["events"][0]
        assert (event["kv"]["key"], event["kv"]["value"]) == ("/ws/a", "1")
    finally:
        give_up.cancel()
        watching.kill()
        watching.communicate()


def test_anticli_says_what_etcd_refuses(served: tuple[Gateway, str], tmp_path: Path) -> None:
    """A transaction that puts a key twice."""
    _, url = served
    twice = json.dumps({"kvs": [{"key": "YQ==", "value": "MQ=="}] * 2})
    done = subprocess.run(
        [*RUN, "-e", url, "load"],
        input=twice,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 1
    assert "etcdserver: duplicate key given in txn request" in done.stderr
