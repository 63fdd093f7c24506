"""The same attempts over streams and WebSockets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.hosts.target import TIMEOUT
from tests.namespace.calls import Caller
from tests.namespace.conftest import Pair
from tests.namespace.etcdjson import read, written
from tests.namespace.raw import RawEtcd

RED, BLUE = b"/teams/red/", b"/teams/blue/"
INTERVALS = [
    pytest.param({"range_end": b"\0"}, id="all-keys"),
    pytest.param({"key": b"\0", "range_end": b"\0"}, id="from-the-smallest"),
    pytest.param({"key": b"k", "range_end": b"\0"}, id="from-a-key"),
    pytest.param({"key": b"\0", "range_end": b"\xff" * 20}, id="to-the-largest"),
]


@pytest.fixture
def red(pair: Pair) -> Caller:
    pair.crowded.clear()
    return pair.caller(RED)


@pytest.fixture
def others(pair: Pair, red: Caller) -> RawEtcd:
    """All around red, keys change."""
    change(pair.crowded)
    return pair.crowded


def change(etcd: RawEtcd) -> None:
    for key in (b"\0", b"/teams/red", BLUE + b"k", b"/teams/red/", b"/teams/red0", b"\xff"):
        etcd.put(key)
        etcd.put(key)
        etcd.call("/v3/kv/deleterange", key=key)


@pytest.mark.parametrize("interval", INTERVALS)
def test_a_watch_sees_the_changes_of_its_namespace_alone(
    red: Caller, others: RawEtcd, interval: Any
) -> None:
    """Those before it, and those while it goes on."""
    create = {**interval, "start_revision": start(others), "prev_kv": True}
    red.call("/v3/kv/put", key=b"k", value=b"one")
    with red.stream("/v3/watch", create_request=create) as watch:
        assert seen(watch, 1) == [(b"k", b"one", None)]
        change(others)
        red.call("/v3/kv/put", key=b"k", value=b"two")
        assert seen(watch, 1) == [(b"k", b"two", b"one")]


def start(etcd: RawEtcd) -> int:
    """A revision after the last time that red's keys were cleared, with changes of others."""
    return etcd.revision() - 5


def seen(watch: Any, number: int) -> list[Any]:
    """The next events: key, value, and the value before."""
    events: list[Any] = []
    while len(events) < number:
        result = read(watch.result())
        events += result.get("events", [])
    return [
        (one["kv"]["key"], one["kv"].get("value"), one.get("prev_kv", {}).get("value"))
        for one in events
    ]


@pytest.mark.parametrize("interval", INTERVALS)
def test_a_watch_over_websocket_sees_the_changes_of_its_namespace_alone(
    red: Caller, others: RawEtcd, interval: Any
) -> None:
    first = start(others)
    red.call("/v3/kv/put", key=b"k", value=b"one")
    with red.socket("/v3/watch") as socket:
        for number in (1, 2):  # the second request goes the same way as the first
            create = {**interval, "start_revision": first, "watch_id": number}
            socket.send(json.dumps(written({"create_request": create})))
        change(others)
        keys: list[bytes] = []
        while len(keys) < 2:
            result = read(json.loads(socket.recv(TIMEOUT)))["result"]
            keys += [event["kv"]["key"] for event in result.get("events", [])]
    assert keys == [b"k", b"k"]


def test_a_call_over_websocket_is_kept_in_its_namespace(red: Caller, others: RawEtcd) -> None:
    others.put(BLUE + b"k")
    red.call("/v3/kv/put", key=b"k")
    with red.socket("/v3/kv/range") as socket:
        socket.send(json.dumps(written({"key": b"\0", "range_end": b"\0"})))
        answer = read(json.loads(socket.recv(TIMEOUT)))
    pairs = answer.get("result", answer)["kvs"]
    assert [pair["key"] for pair in pairs] == [b"k"]


@pytest.mark.parametrize("path", ["/v3/kv/compaction", "/v3/maintenance/snapshot"])
def test_what_acts_on_all_of_etcd_is_denied_over_websocket(red: Caller, path: str) -> None:
    with pytest.raises(InvalidStatus) as refusal, red.socket(path):
        pass
    assert refusal.value.response.status_code == 403


def test_a_lease_of_others_is_not_kept_alive_and_the_stream_goes_on(
    red: Caller, others: RawEtcd
) -> None:
    others.grant(2**62)
    red.call("/v3/lease/grant", ID=7, TTL=5000)
    with red.stream("/v3/lease/keepalive", ID=2**62) as post:
        assert "TTL" not in post.result()
        post.send({"ID": 7})
        assert post.result()["TTL"] == "5000"


def test_an_observer_sees_leaders_of_its_namespace_alone(red: Caller, pair: Pair) -> None:
    """The election of others has the same name, and would have been seen first."""
    for caller, value in ((pair.caller(BLUE), b"blue"), (red, b"red")):
        caller.call("/v3/lease/grant", ID=7, TTL=5000)
        caller.call("/v3/election/campaign", name=b"boss", lease=7, value=value)
    with red.stream("/v3/election/observe", name=b"boss") as post:
        pair_seen = read(post.result())["kv"]
    assert (pair_seen["value"], pair_seen["lease"]) == (b"red", "7")
    assert pair_seen["key"].startswith(b"boss/")
