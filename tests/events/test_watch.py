"""A watch as a browser's EventSource has it, under every server."""

from __future__ import annotations

import httpx
import pytest

from tests.events.served import Served
from tests.events.source import TIMEOUT
from tests.hosts.observe import watchers
from tests.hosts.serving import until
from tests.hosts.target import text


def test_a_change_is_an_event_with_its_revision_as_id(served: Served, key: str) -> None:
    with served.watch(prefix=key) as source:
        assert source.status == 200
        created = source.next("created")
        assert source.retry is not None
        assert created.id == created.json["header"]["revision"]
        for value in ("one", "two"):
            revision = served.put(f"{key}a", value)
            change = source.change()
            assert (change.id, change.revisions) == (str(revision), [revision])
            (event,) = change.json["events"]
            assert (event["kv"]["key"], event["kv"]["value"]) == (f"{key}a", value)


def test_the_headers_keep_caches_and_proxies_from_holding_events_back(served: Served) -> None:
    with served.watch(key="x") as source:
        headers = source.response.headers
        assert headers["content-type"] == "text/event-stream; charset=utf-8"
        assert headers["cache-control"] == "no-store"
        assert headers["x-accel-buffering"] == "no"


def test_progress_moves_the_id_of_an_idle_watch(served: Served, key: str) -> None:
    with served.watch(prefix=key) as source:
        source.next("created")
        revision = served.put(f"elsewhere/{key}", "x")
        progress = next(
            one for one in source.all() if one.name == "progress" and int(one.id) >= revision
        )
        assert progress.json["header"]["revision"] == progress.id
    quiet = served.watch(prefix=key, progress_notify="false")
    with quiet as source:
        source.next("created")
        served.put(f"{key}a", "x")
        source.next("change")


def test_a_browser_that_connects_again_misses_nothing_and_sees_nothing_twice(
    served: Served, key: str
) -> None:
    seen, wanted = [], [served.put(f"{key}{number}", "x") for number in range(6)]
    last_id = ""
    for _ in range(3):
        begin = {} if last_id else {"start_revision": str(wanted[0])}
        wanted.append(served.put(f"{key}more", "x"))
        with served.watch(begin, prefix=key, last_id=last_id) as source:
            seen += source.change().revisions
            last_id = source.last_id
    with served.watch(prefix=key, last_id=last_id) as source:
        wanted.append(served.put(f"{key}last", "x"))
        while seen[-1] < wanted[-1]:
            seen += source.change().revisions
    assert seen == wanted


def test_the_last_id_may_stand_in_the_query(served: Served, key: str) -> None:
    first, second = (served.put(f"{key}{number}", "x") for number in range(2))
    with served.watch(prefix=key, last_event_id=str(first), start_revision="1") as source:
        assert source.next("created").id == str(first)
        assert source.next("change").revisions == [second]


def test_a_long_history_comes_with_ids_that_never_run_ahead(uvicorn: Served, key: str) -> None:
    """etcd sends it a thousand revisions at a time, with the newest in every header."""
    wanted = [uvicorn.put(key, "x")]
    with httpx.Client(base_url=uvicorn.etcd.endpoint, timeout=TIMEOUT) as client:
        for _ in range(1200):
            answer = client.post("/v3/kv/put", json={"key": text(key), "value": "eA=="})
            wanted.append(int(answer.json()["header"]["revision"]))
    seen: list[int] = []
    last_id = ""
    while not seen or seen[-1] < wanted[-1]:
        begin = {} if last_id else {"start_revision": str(wanted[0])}
        with uvicorn.watch(begin, key=key, last_id=last_id) as source:
            change = source.change()
            assert int(change.id) == change.revisions[-1]
            seen, last_id = seen + change.revisions, source.last_id
    assert seen == wanted  # between them others may write, leases that end for one


def test_fragments_move_the_id_once_the_revision_is_whole(uvicorn: Served, key: str) -> None:
    """etcd cuts an answer of more than 1.5 MiB and some into fragments, if it may."""
    big = text("x" * 700_000)
    put = {"key": text(key), "value": big}
    wanted = [int(uvicorn.ask("kv/put", put)["header"]["revision"]) for _ in range(6)]
    with uvicorn.watch(key=key, fragment="true", start_revision=str(wanted[0])) as source:
        at = source.next("created").id
        seen: list[int] = []
        parts = 0
        while not seen or seen[-1] < wanted[-1]:
            change = source.next("change")
            seen += change.revisions
            if change.json.get("fragment"):
                parts += 1
                assert change.id == at
            else:
                at = change.id
                assert at == str(seen[-1])
    assert seen == wanted
    assert parts > 0


def test_filters_and_previous_values_are_asked_for_in_the_query(uvicorn: Served, key: str) -> None:
    with uvicorn.watch(key=key, filters="noput", prev_kv="true") as source:
        source.next("created")
        uvicorn.put(key, "old")
        uvicorn.ask("kv/deleterange", {"key": text(key)})
        (event,) = source.change().json["events"]
    assert (event["type"], event["prev_kv"]["value"]) == ("DELETE", "old")


def test_without_text_mode_bytes_are_base64_both_ways(uvicorn: Served, key: str) -> None:
    with uvicorn.watch(key=text(key), text="0") as source:
        source.next("created")
        uvicorn.put(key, "v")
        (event,) = source.change().json["events"]
    assert (event["kv"]["key"], event["kv"]["value"]) == (text(key), text("v"))


def test_history_that_is_gone_is_told_with_where_to_go_on(served: Served, key: str) -> None:
    first = served.put(f"{key}a", "x")
    for _ in range(3):
        present = served.put(f"{key}a", "x")
    served.ask("kv/compaction", {"revision": str(present), "physical": True})
    with served.watch(prefix=key, last_id=str(first)) as source:
        source.next("created")
        compacted = source.next("compacted")
        assert list(source.all()) == []
    assert compacted.json["compact_revision"] == str(present)
    assert compacted.id == compacted.json["header"]["revision"]
    assert int(compacted.id) >= present
    after = served.put(f"{key}a", "after the listing")
    with served.watch(prefix=key, last_id=compacted.id) as source:
        source.next("created")
        assert source.next("change").revisions == [after]


def test_a_client_that_leaves_ends_its_watch(served: Served, key: str) -> None:
    until(lambda: watchers(served.etcd) == 0, "no watcher in etcd")
    sources = [served.watch(prefix=key) for _ in range(5)]
    for source in sources:
        source.__enter__().next("created")
    assert watchers(served.etcd) == 5
    for source in sources:
        source.__exit__(None, None, None)
    until(lambda: watchers(served.etcd) == 0, "the watchers gone from etcd")


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        pytest.param({"kay": "x"}, "unknown query parameters 'kay'", id="unknown"),
        pytest.param({"last_event_id": "x"}, "invalid Last-Event-ID 'x'", id="id"),
        pytest.param({"prefix": "x"}, "prefix stands for key and range_end", id="both"),
    ],
)
def test_a_mistake_in_the_query_is_400(uvicorn: Served, query: dict[str, str], fault: str) -> None:
    with uvicorn.watch(query, key="x") as source:
        assert source.status == 400
        assert source.error()["code"] == 3
    with uvicorn.watch(query, key="x") as source:
        assert fault in source.error()["message"]


def test_a_header_with_garbage_for_an_id_is_400(uvicorn: Served) -> None:
    with uvicorn.watch(key="x", last_id="garbage") as source:
        assert source.status == 400
    with uvicorn.post("watch", {"create_request": {"key": "eA=="}}) as source:
        assert source.status == 200
    garbage = {"last-event-id": "garbage"}
    with uvicorn.post("watch", {"create_request": {"key": "eA=="}}, headers=garbage) as source:
        assert source.status == 400
