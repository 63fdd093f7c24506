"""Locks and elections without a lease: etcd makes one, and in a namespace it is the caller's."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_asgi.namespace.leases import MAX_LEASE_ID
from tests.namespace.calls import Caller
from tests.namespace.conftest import Pair


@pytest.fixture
def red(pair: Pair) -> Caller:
    """The only user of an etcd that is empty."""
    pair.crowded.clear()
    return pair.caller(b"/teams/red/")


def leases(red: Caller) -> list[int]:
    return [int(one["ID"]) for one in red.call("/v3/lease/leases").get("leases", [])]


def value(red: Caller) -> Any:
    return red.call("/v3/election/leader", name=b"boss")["kv"]["value"]


def test_a_lock_without_a_lease_gets_one_that_its_holder_can_keep_alive(red: Caller) -> None:
    key = red.call("/v3/lock/lock", name=b"door")["key"]
    (lease,) = leases(red)
    assert 0 < lease <= MAX_LEASE_ID
    assert "TTL" in red.call("/v3/lease/keepalive", ID=lease)["result"]
    alive = red.call("/v3/lease/timetolive", ID=lease, keys=True)
    assert (alive["grantedTTL"], alive["keys"]) == ("60", [key])
    red.call("/v3/lease/revoke", ID=lease)
    assert "kvs" not in red.call("/v3/kv/range", key=key)


def test_what_is_too_large_for_etcd_is_a_mistake_of_the_callers(red: Caller) -> None:
    """etcd's lock and election services give no code, and its gateway a 500."""
    leader = red.call("/v3/election/campaign", name=b"large", value=b"one")["leader"]
    large = bytes(1_600_000)
    for path, message in (
        ("/v3/lock/lock", {"name": large}),
        ("/v3/lock/unlock", {"key": large}),
        ("/v3/election/proclaim", {"leader": leader, "value": large}),
    ):
        status, answer = red.ask(path, **message)
        assert (status, answer["message"]) == (400, "etcdserver: request is too large")
    red.call("/v3/election/resign", leader=leader)


def test_a_leader_without_a_lease_can_proclaim_and_resign(red: Caller) -> None:
    leader = red.call("/v3/election/campaign", name=b"boss", value=b"one")["leader"]
    assert leases(red) == [int(leader["lease"])]
    red.call("/v3/election/proclaim", leader=leader, value=b"two")
    assert value(red) == b"two"
    red.call("/v3/election/proclaim", leader={**leader, "lease": 0}, value=b"three")
    assert value(red) == b"three"
    assert len(leases(red)) == 2
    red.call("/v3/election/resign", leader={**leader, "lease": 0})
    assert len(leases(red)) == 2
    status, answer = red.ask("/v3/election/leader", name=b"boss")
    assert (status, answer["message"]) == (404, "election: no leader")
