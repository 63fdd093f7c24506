"""What a host grants holds for events as well."""

import httpx
import pytest

from etcd_asgi.testing import EtcdServer
from tests.events.conftest import Serve
from tests.events.served import Served
from tests.hosts.serving import until
from tests.hosts.target import TIMEOUT, text


@pytest.fixture
def guarded(etcd: EtcdServer, serve: Serve) -> Served:
    return serve(etcd, app="guarded")


def test_a_watch_needs_a_login_and_a_grant(guarded: Served) -> None:
    with guarded.watch(key="k") as source:
        assert (source.status, source.error()["message"]) == (401, "log in first")
    with guarded.watch(key="k", headers={"x-user": "writer"}) as source:
        assert (source.status, source.error()["message"]) == (403, "Watch.Watch is not granted")


def test_a_watch_stays_in_its_namespace(guarded: Served, key: str) -> None:
    with guarded.watch(prefix="", headers={"x-user": f"red/{key}"}) as source:
        source.next("created")
        guarded.put(f"/blue/{key}/k", "not seen")
        revision = guarded.put(f"/red/{key}/k", "seen")
        change = source.change()
        assert change.id == str(revision)
        assert change.json["events"][0]["kv"]["key"] == "k"


def test_a_namespace_holds_after_etcd_came_back(mortal: EtcdServer, serve: Serve) -> None:
    guarded = serve(mortal, app="guarded")
    with guarded.watch(prefix="", headers={"x-user": "red"}) as source:
        source.next("created")
        mortal.restart()
        guarded.put("/blue/k", "not seen")
        revision = guarded.put("/red/k", "seen")
        assert source.change().revisions == [revision]


def test_watches_count_once_however_often_they_are_taken_up(
    mortal: EtcdServer, serve: Serve
) -> None:
    guarded, red = serve(mortal, app="guarded"), {"x-user": "red"}
    with guarded.watch(key="k", headers=red) as one:
        one.next("created")
        for _ in range(2):
            mortal.restart()
            guarded.put("/red/k", "x")
            one.change()
        with guarded.watch(key="k", headers=red) as other:
            other.next("created")
            with guarded.watch(key="k", headers=red) as third:
                assert third.status == 429

    def room() -> bool:
        with guarded.watch(key="k", headers=red) as source:
            return source.status == 200

    until(room, "room for a watch again")


def test_a_page_of_another_site_cannot_read_with_a_visitors_cookie(uvicorn: Served) -> None:
    foreign = {
        "cookie": "token=x",
        "origin": "https://evil.example",
        "sec-fetch-site": "cross-site",
    }
    with uvicorn.watch(key="k", headers=foreign) as source:
        assert source.status == 403
    own = {"cookie": "session=x", "sec-fetch-site": "same-origin"}
    with uvicorn.watch(key="k", headers=own) as source:
        source.next("created")


def test_a_gateway_with_a_login_of_its_own_logs_in_again_after_etcd_came_back(
    mortal: EtcdServer, serve: Serve
) -> None:
    """A restarted etcd has forgotten all tokens."""
    gateway = serve(mortal, app="signed")
    gateway.ask("auth/role/add", {"name": "root"})
    gateway.ask("auth/user/add", {"name": "root", "password": "p"})
    gateway.ask("auth/user/grant", {"user": "root", "role": "root"})
    gateway.ask("auth/enable", {})
    with gateway.watch(key="k") as source:
        source.next("created")
        for _ in range(2):
            mortal.restart()
            url = f"{gateway.url}/v3/kv/put"
            answer = httpx.post(url, json={"key": text("k")}, timeout=TIMEOUT)
            revision = int(answer.raise_for_status().json()["header"]["revision"])
            assert source.change().revisions == [revision]
