"""Patroni's etcd v3 store, used as its high-availability loop uses it.

Each test is a PostgreSQL cluster of its own. Nothing here knows etcd: what Patroni believes is
what the gateway told it.
"""

import base64
import json
import os
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from patroni.dcs import get_dcs  # type: ignore[import-not-found]  # not in the checkout's venv

URL = os.environ["GATEWAY_URL"]
USERNAME, _, PASSWORD = os.environ.get("ETCD_LOGIN", "").partition(":")
DEADLINE = 30.0
"""Seconds after which a test gives up on something that it waits for."""

Join = Callable[..., Any]
"""``join(name, ttl=30)``: a member of the test's cluster."""


@pytest.fixture
def scope() -> str:
    return f"cluster-{uuid4().hex[:8]}"


@pytest.fixture
def join(scope: str) -> Iterator[Join]:
    members: list[Any] = []

    def member(name: str, *, ttl: int = 30) -> Any:
        timing = {"ttl": ttl, "loop_wait": 2, "retry_timeout": 10}
        etcd = {"host": urlsplit(URL).netloc, "use_proxies": True}
        if USERNAME:
            etcd |= {"username": USERNAME, "password": PASSWORD}
        members.append(get_dcs({"scope": scope, "name": name, **timing, "etcd3": etcd}))
        return members[-1]

    yield member
    if members:
        assert members[0].delete_cluster()


def test_one_of_many_initializes(join: Join) -> None:
    a, b = join("a"), join("b")
    assert a.initialize(create_new=True, sysid="7301")
    assert not b.initialize(create_new=True, sysid="7302")
    until(lambda: b.get_cluster().initialize == "7301")
    assert a.cancel_initialization()
    until(lambda: b.get_cluster().initialize is None)


def test_members_see_each_other(join: Join) -> None:
    a, b = join("a"), join("b")
    for name, dcs in (("a", a), ("b", b)):
        assert dcs.touch_member({"conn_url": f"postgres://{name}:5432/", "state": "running"})
    for dcs in (a, b):
        until(partial(sees_members, dcs, {"a", "b"}))
    assert b.get_cluster().get_member("a").data["conn_url"] == "postgres://a:5432/"


def test_of_two_who_race_one_becomes_leader(join: Join) -> None:
    racers = {"a": join("a"), "b": join("b")}
    start = threading.Barrier(len(racers))

    def race(dcs: Any) -> bool:
        start.wait(DEADLINE)
        return bool(dcs.attempt_to_acquire_leader())

    with ThreadPoolExecutor(len(racers)) as pool:
        won = dict(zip(racers, pool.map(race, racers.values()), strict=True))
    assert sorted(won.values()) == [False, True]
    winner = next(name for name, first in won.items() if first)
    for dcs in racers.values():
        until(partial(sees_leader, dcs, winner))


def test_the_leader_stays_while_it_renews_and_tells_where_it_is(join: Join) -> None:
    a, b = join("a"), join("b")
    assert a.attempt_to_acquire_leader()
    until(partial(sees_leader, a, "a"))
    cluster = a.get_cluster()
    assert a.update_leader(cluster, last_lsn=4711, slots={"standby": 4700})
    assert not b.attempt_to_acquire_leader()
    until(lambda: b.get_cluster().status.last_lsn == 4711)
    assert b.get_cluster().status.slots["standby"] == 4700


def test_the_configuration_is_set_only_over_the_version_that_was_read(join: Join) -> None:
    a = join("a")
    assert a.set_config_value(json.dumps({"ttl": 30}))
    until(lambda: a.get_cluster().config is not None)
    read = a.get_cluster().config
    assert a.set_config_value(json.dumps({"ttl": 40}), version=read.modify_version)
    assert not a.set_config_value(json.dumps({"ttl": 50}), version=read.modify_version)
    until(lambda: a.get_cluster().config.data == {"ttl": 40})


def test_a_change_from_outside_wakes_the_watch(join: Join) -> None:
    a = join("a")
    assert a.set_config_value(json.dumps({"ttl": 30}))
    until(lambda: a.get_cluster().config is not None)
    a.event.clear()
    put_from_outside(a.config_path, json.dumps({"ttl": 20}))
    assert a.watch(None, DEADLINE), "nobody woke the watch"
    assert a.get_cluster().config.data == {"ttl": 20}


def test_a_failover_is_asked_for_and_done(join: Join) -> None:
    a, b = join("a"), join("b")
    assert a.attempt_to_acquire_leader()
    until(partial(sees_leader, b, "a"))
    assert b.manual_failover(leader="a", candidate="b")
    until(lambda: a.get_cluster().failover is not None)
    assert a.get_cluster().failover.candidate == "b"
    assert a.delete_leader(a.get_cluster().leader)
    assert b.watch(None, DEADLINE), "the leader's leave woke nobody"
    assert b.attempt_to_acquire_leader()
    assert b.manual_failover(None, None), "the request for it is taken away"
    until(partial(sees_leader, a, "b"))


def test_a_leader_that_falls_silent_loses_its_lease_and_the_other_takes_over(join: Join) -> None:
    a, b = join("a", ttl=10), join("b")
    assert a.attempt_to_acquire_leader()
    until(partial(sees_leader, b, "a"))
    while b.get_cluster().leader is not None:
        assert b.watch(None, DEADLINE), "the end of the lease woke nobody"
    assert b.attempt_to_acquire_leader()


def test_the_history_and_the_synchronous_standby_are_kept(join: Join) -> None:
    a = join("a")
    assert a.set_history_value(json.dumps([[1, 100, "no recovery target specified"]]))
    revision = a.set_sync_state_value(json.dumps({"leader": "a", "sync_standby": "b"}))
    assert revision
    until(lambda: a.get_cluster().sync.leader == "a")
    # Its cache may have been read before its first put, and filled after it: the watch mends it.
    until(lambda: a.get_cluster().history is not None)
    assert a.get_cluster().history.lines == [[1, 100, "no recovery target specified"]]
    assert not a.delete_sync_state(version="1"), "another version must stay"
    assert a.delete_sync_state(version=a.get_cluster().sync.version)


def test_a_deleted_cluster_is_empty(join: Join) -> None:
    a = join("a")
    assert a.initialize(create_new=True, sysid="1")
    assert a.touch_member({"state": "running"})
    assert a.delete_cluster()
    until(lambda: a.get_cluster().is_empty())


@pytest.mark.skipif(not USERNAME, reason="etcd asks for no token")
def test_a_token_that_is_refused_is_renewed(join: Join) -> None:
    a = join("a")
    a._client._token = "refused.1"
    assert a.set_config_value(json.dumps({"ttl": 30}))
    assert a._client._token != "refused.1"


def sees_members(dcs: Any, names: set[str]) -> bool:
    return {member.name for member in dcs.get_cluster().members} == names


def sees_leader(dcs: Any, name: str) -> bool:
    leader = dcs.get_cluster().leader
    return bool(leader and leader.name == name)


def put_from_outside(key: str, value: str) -> None:
    headers = {}
    if USERNAME:
        answer = post("auth/authenticate", {"name": USERNAME, "password": PASSWORD})
        headers["Authorization"] = answer["token"]
    post("kv/put", {"key": base64_of(key), "value": base64_of(value)}, headers)


def post(rpc: str, message: object, headers: Mapping[str, str] = MappingProxyType({})) -> Any:
    body = json.dumps(message).encode()
    request = urllib.request.Request(f"{URL}/v3/{rpc}", body, dict(headers))
    with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
        return json.load(answer)


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def until(condition: Callable[[], object]) -> None:
    """Wait for what another member has to see first, through its watch."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "not seen in time"
        time.sleep(0.05)
