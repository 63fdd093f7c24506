"""Events while etcd, the gateway or the client goes away and comes back."""

from __future__ import annotations

from contextlib import suppress
from threading import Event, Thread

import httpx
import pytest

from etcd_asgi.testing import EtcdServer
from tests.events.conftest import Serve
from tests.events.served import MAX_STREAMS, Served
from tests.events.source import TIMEOUT, Source
from tests.hosts.observe import watchers
from tests.hosts.serving import SERVERS, until
from tests.hosts.target import text

FINAL = "final"


class Writer:
    """Puts all the time, also while etcd is away; the last value is :data:`FINAL`."""

    def __init__(self, etcd: EtcdServer, key: str) -> None:
        self._etcd, self._key = etcd, key
        self._stopped = Event()
        self._thread = Thread(target=self._write)
        self.last = 0

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def finish(self) -> int:
        """Write the last value; gives its revision."""
        self._stopped.set()
        self._thread.join()
        with httpx.Client(timeout=TIMEOUT) as client:
            return self._put(client, FINAL)

    def _write(self) -> None:
        with httpx.Client(timeout=TIMEOUT) as client:
            number = 0
            while not self._stopped.is_set():
                try:
                    self.last = self._put(client, str(number))
                    number += 1
                    self._stopped.wait(0.005)  # the servers need the processor too
                except httpx.HTTPError:
                    self._stopped.wait(0.05)

    def _put(self, client: httpx.Client, value: str) -> int:
        body = {"key": text(self._key), "value": text(value)}
        answer = client.post(f"{self._etcd.endpoint}/v3/kv/put", json=body)
        return int(answer.raise_for_status().json()["header"]["revision"])


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("how", ["restart", "kill"])
def test_a_restart_of_etcd_loses_nothing_and_repeats_nothing(
    mortal: EtcdServer, serve: Serve, server: str, how: str
) -> None:
    """A writer goes on all the time, so that there are changes at every moment of the restart."""
    seen: list[int] = []
    with Writer(mortal, "k") as writer, serve(mortal, server).watch(key="k") as source:
        first = int(source.next("created").id) + 1
        for _ in range(2):
            seen += source.change().revisions
            if how == "kill":
                mortal.kill()
            mortal.restart()
            came_back = writer.last
            until(lambda: writer.last > came_back, "the writer going on")  # noqa: B023
        final = writer.finish()
        while not seen or seen[-1] < final:
            seen += source.change().revisions
    assert seen == list(range(first, final + 1))


def test_the_browser_goes_on_where_it_was_after_a_restart_of_the_gateway(
    mortal: EtcdServer, serve: Serve
) -> None:
    gateway, last_id = serve(mortal), ""
    seen: list[int] = []
    begins: list[int] = []
    with Writer(mortal, "k") as writer:
        for _ in range(3):
            with gateway.watch(key="k", last_id=last_id) as source:
                begins.append(int(source.next("created").id) + 1)
                seen += source.change().revisions
                gateway.server.process.kill()
                for event in remaining(source):
                    seen += event
                last_id = source.last_id
            gateway = serve(mortal)
        final = writer.finish()
        with gateway.watch(key="k", last_id=last_id) as source:
            while seen[-1] < final:
                seen += source.change().revisions
    assert seen == list(range(begins[0], final + 1))


def remaining(source: Source) -> list[list[int]]:
    """The changes that were on their way when the connection broke."""
    found: list[list[int]] = []
    with suppress(httpx.HTTPError):
        found.extend(one.revisions for one in source.all() if one.name == "change")
    return found


def test_a_browser_that_connects_again_waits_for_an_etcd_that_is_away(
    mortal: EtcdServer, serve: Serve
) -> None:
    """Any status but 200 would make it stop for good."""
    gateway = serve(mortal)
    seen = gateway.put("k", "seen")
    missed = gateway.put("k", "missed")
    mortal.stop()
    with gateway.watch(key="k") as source:
        assert source.status == 503
        assert source.error()["code"] == 14
    with gateway.watch(key="k", last_id=str(seen)) as source:
        assert source.status == 200
        assert source.comment() == "waiting for etcd"
        mortal.start()
        assert source.next("created").id == str(seen)
        assert source.next("change").revisions == [missed]


def test_an_etcd_that_stays_away_ends_the_events_with_an_error(
    mortal: EtcdServer, serve: Serve
) -> None:
    gateway = serve(mortal, app="hasty")
    with gateway.watch(key="k") as source:
        source.next("created")
        mortal.stop()
        error = source.next("error")
        assert error.json["error"]["code"] == 14
        assert list(source.all()) == []


def test_comments_keep_a_silent_line_alive(etcd: EtcdServer, serve: Serve, key: str) -> None:
    for server in SERVERS:
        with serve(etcd, server, "hasty").watch(key=key, progress_notify="0") as source:
            source.next("created")
            assert [source.comment() for _ in range(3)] == ["", "", ""]


def test_comments_go_on_while_etcd_is_away(mortal: EtcdServer, serve: Serve) -> None:
    with serve(mortal, app="hasty").watch(key="k") as source:
        source.next("created")
        mortal.pause()
        assert source.comment() == ""
        mortal.kill()
        assert [source.comment() for _ in range(2)] == ["", ""]


def test_a_stream_whose_first_answer_is_long_in_coming_begins_with_a_comment(
    etcd: EtcdServer, serve: Serve, key: str
) -> None:
    """An election without a leader."""
    gateway = serve(etcd, app="hasty")
    with gateway.post("election/observe", {"name": text(key)}) as source:
        assert source.status == 200
        assert source.comment() == ""
        lease = gateway.ask("lease/grant", {"TTL": 60})["ID"]
        campaign = {"name": text(key), "lease": lease, "value": text("leader")}
        gateway.ask("election/campaign", campaign)
        assert source.next("message").json["kv"]["value"] == text("leader")


def test_history_that_goes_while_etcd_is_away_is_told(mortal: EtcdServer, serve: Serve) -> None:
    """The gateway sleeps through a restart of etcd, changes and their compaction."""
    gateway = serve(mortal)
    with gateway.watch(key="k") as source:
        source.next("created")
        gateway.put("k", "x")
        seen = source.change().id
        gateway.server.process.pause()
        mortal.restart()
        for _ in range(3):
            present = gateway.put("k", "x")
        gateway.ask("kv/compaction", {"revision": str(present), "physical": True})
        gateway.server.process.resume()
        compacted = source.next("compacted")
        assert list(source.all()) == []
    assert int(seen) < int(compacted.json["compact_revision"]) == present
    with gateway.watch(key="k", last_id=compacted.id) as source:
        source.next("created")
        after = gateway.put("k", "x")
        assert source.change().revisions == [after]


def test_a_right_that_is_lost_is_an_error_and_then_a_status(
    mortal: EtcdServer, serve: Serve
) -> None:
    gateway = serve(mortal)
    for name in ("root", "user"):
        gateway.ask("auth/role/add", {"name": name})
        gateway.ask("auth/user/add", {"name": name, "password": "p"})
        gateway.ask("auth/user/grant", {"user": name, "role": name})
    permission = {"permType": "READ", "key": text("k")}
    gateway.ask("auth/role/grant", {"name": "user", "perm": permission})
    gateway.ask("auth/enable", {})
    login = gateway.ask("auth/authenticate", {"name": "user", "password": "p"})
    headers = {"authorization": login["token"]}
    with gateway.watch(key="other", headers=headers) as source:
        assert source.status == 403
        assert "etcdserver: permission denied" in source.error()["error"]["message"]
    with gateway.watch(key="k", headers=headers) as source:
        assert source.next("created").id
        mortal.restart()  # which forgets tokens
        error = source.next("error").json["error"]
        assert list(source.all()) == []
        last_id = source.last_id
    with gateway.watch(key="k", headers=headers, last_id=last_id) as source:
        assert source.status in (401, 403)
    assert error["code"] in (7, 16)


def test_several_watches_in_one_response_end_with_an_error(
    mortal: EtcdServer, serve: Serve
) -> None:
    creates = b"".join(b'{"create_request": {"key": "%b"}}' % key for key in (b"YQ==", b"Yg=="))
    gateway = serve(mortal)
    with Source(f"{gateway.url}/v3/watch", content=creates) as source:
        assert source.next("created").json.get("watch_id") is None
        assert source.next("created").json["watch_id"] == "1"
        gateway.put("b", "x")
        assert source.next("change").json["watch_id"] == "1"
        assert source.last_id == ""
        mortal.stop()
        assert source.next("error").json["error"]["code"] == 14


def test_one_watch_over_post_goes_on_as_well(mortal: EtcdServer, serve: Serve) -> None:
    for server in SERVERS:
        gateway = serve(mortal, server)
        create = {"create_request": {"key": text("k")}}
        with gateway.post("watch", create) as source:
            source.next("created")
            revisions = [gateway.put("k", "before")]
            mortal.restart()
            revisions.append(gateway.put("k", "after"))
            seen: list[int] = []
            while len(seen) < len(revisions):  # one event tells both, if etcd went between them
                seen += source.change().revisions
            assert seen == revisions
        with gateway.post("watch", create, headers={"last-event-id": str(revisions[0])}) as source:
            assert source.next("created").id == str(revisions[0])
            assert source.next("change").revisions == revisions[1:]


def test_clients_that_leave_while_etcd_is_away_leave_nothing_behind(
    mortal: EtcdServer, serve: Serve
) -> None:
    for server in SERVERS:
        gateway = serve(mortal, server)
        with gateway.watch(key="k") as source:
            source.next("created")
            mortal.stop()
        mortal.start()
        with gateway.watch(key="k", last_id=source.last_id) as source:  # it waits for etcd
            source.next("created")
            until(lambda: watchers(mortal) == 1, "the watch of the client that stayed")
        until(lambda: watchers(mortal) == 0, "the watchers gone from etcd")


def test_streams_have_their_limit(etcd: EtcdServer, serve: Serve, key: str) -> None:
    gateway = serve(etcd, app="hasty")
    sources = [gateway.watch(key=key) for _ in range(MAX_STREAMS)]
    for source in sources:
        source.__enter__().next("created")
    with gateway.watch(key=key) as source:
        assert source.status == 429
    sources.pop().__exit__(None, None, None)

    def admitted() -> bool:
        with gateway.watch(key=key) as source:
            return source.status == 200

    until(admitted, "room for another stream")
    for source in sources:
        source.__exit__(None, None, None)


def test_a_slow_reader_holds_etcd_back_and_gets_all(uvicorn: Served, key: str) -> None:
    """What it does not read waits in etcd; the stream then goes on."""
    big = text("x" * 400_000)
    with uvicorn.watch(key=key) as source:
        first = int(source.next("created").id) + 1
        for _ in range(60):
            answer = uvicorn.ask("kv/put", {"key": text(key), "value": big})
        last = int(answer["header"]["revision"])
        seen: list[int] = []
        while not seen or seen[-1] < last:
            seen += source.change().revisions
    assert seen == list(range(first, last + 1))
