"""Streams behind etcd's own proxies, one of which ends each call that is half-closed."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from etcd_asgi.testing import EtcdServer
from etcd_asgi.testing.ports import ReservedPort
from etcd_asgi.testing.process import ChildProcess
from tests.etcds.releases import OFFICIAL, RELEASES
from tests.events.source import Source
from tests.hosts.serving import AppServer, until
from tests.hosts.target import text
from tests.streams.conftest import APP
from tests.streams.post import TIMEOUT
from tests.streams.probed import Probed, create, told, values

PROXIES = [
    pytest.param(("grpc-proxy", OFFICIAL), id=f"grpc-proxy of {OFFICIAL}"),
    pytest.param(("grpc-proxy", RELEASES[-1]), id=f"grpc-proxy of {RELEASES[-1]}"),
    pytest.param(("gateway", OFFICIAL), id=f"gateway of {OFFICIAL}"),
]
"""Commands of etcd: a proxy of calls, with a cache, and one of connections."""


@pytest.fixture(scope="module", params=PROXIES)
def shared(
    request: pytest.FixtureRequest,
    etcd_servers: Callable[[str], EtcdServer],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Probed]:
    """A gateway in front of each proxy."""
    command, release = request.param
    etcd, port, folder = etcd_servers(release), ReservedPort(), tmp_path_factory.mktemp("proxy-")
    with ExitStack() as stack:
        stack.callback(port.release)
        stack.callback(started(command, etcd, port.number, folder).kill)
        env, log_path = {"ETCD_URL": port.url}, folder / "server.log"
        server = stack.enter_context(AppServer(APP, log_path=log_path, env=env))
        client = stack.enter_context(httpx.Client(base_url=server.url, timeout=TIMEOUT))
        opened = stack.enter_context(ExitStack())
        yield Probed(server=server, name="uvicorn", etcd=etcd, client=client, opened=opened)


@pytest.fixture
def proxied(shared: Probed) -> Iterator[Probed]:
    """The same for one test, which leaves nothing in the process."""
    with ExitStack() as opened:
        yield replace(shared, opened=opened)
    until(lambda: shared.holds(0), "no streams")


def started(command: str, etcd: EtcdServer, port: int, folder: Path) -> ChildProcess:
    """A proxy that listens."""
    target = etcd.endpoint.removeprefix("http://")
    options = [f"--endpoints={target}", f"--listen-addr=127.0.0.1:{port}"]
    line = [str(etcd.binary), command, "start", *options]
    proxy = ChildProcess(line, log_path=folder / "proxy.log", env={}, scratch=None)
    until(lambda: listens(port), f"{command} listens")
    return proxy


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_watch_over_post_goes_on_when_its_body_has_ended(proxied: Probed, key: str) -> None:
    watch = proxied.watch(key)
    proxied.put(key, "1", "2")
    told_values = values(watch.result())
    while len(told_values) < 2:
        told_values += values(watch.result())
    assert told_values == ["1", "2"]


def test_a_watch_as_server_sent_events_goes_on(proxied: Probed, key: str) -> None:
    url = f"{proxied.server.url}/etcd/v3/watch"
    with Source(url, {"key": key, "text": "1"}) as source:
        source.next("created")
        proxied.put(key, "1")
        assert source.change().json["events"][0]["kv"]["value"] == "1"


def test_a_watch_over_a_websocket_goes_on(proxied: Probed, key: str) -> None:
    watch = proxied.watch_socket(key)
    proxied.put(key, "1")
    assert values(told(watch)["result"]) == ["1"]


def leases(proxied: Probed) -> list[str]:
    """Two new ones: the proxy lets the second keepalive of one wait for a third of its time."""
    return [proxied.call("lease/grant", {"TTL": 60})["ID"] for _ in range(2)]


def test_keepalives_are_answered_and_the_response_ends(proxied: Probed) -> None:
    first, second = leases(proxied)
    answers = proxied.whole("lease/keepalive", {"ID": first}, {"ID": second})
    assert {answers.result()["ID"] for _ in range(2)} == {first, second}
    assert answers.message() is None


def test_keepalives_over_a_body_that_is_still_open_are_answered_one_by_one(
    proxied: Probed,
) -> None:
    first, second = leases(proxied)
    answers = proxied.post("lease/keepalive", {"ID": first})
    assert answers.result()["ID"] == first
    answers.send({"ID": second})
    assert answers.result()["ID"] == second
    answers.end()
    assert answers.message() is None


def test_a_watch_that_its_client_cancels_ends_the_response_with_the_body(
    proxied: Probed, key: str
) -> None:
    watch = proxied.post("watch", create(key))
    number = watch.result().get("watch_id", "0")
    watch.send({"cancel_request": {"watch_id": number}})
    watch.end()
    assert watch.result()["canceled"] is True
    assert watch.message() is None


def test_observing_an_election_goes_on(proxied: Probed, key: str) -> None:
    lease = proxied.call("lease/grant", {"TTL": 60})["ID"]
    ours = {"name": text(key), "lease": lease, "value": text("me")}
    assert proxied.call("election/campaign", ours)["leader"]["name"] == text(key)
    leaders = proxied.whole("election/observe", {"name": text(key)})
    assert leaders.result()["kv"]["value"] == text("me")
