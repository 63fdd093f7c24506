"""Each answer on its way out: what is the caller's, and nothing else."""

from typing import Any

import pytest

from etcd_asgi.namespace import Namespace
from etcd_asgi.namespace.leases import Leases
from tests.unit.namespace.messages import answer, new

RED = Namespace(b"/red/", b"s")
LEASE = Leases(b"/red/", b"s").scope(7)
FOREIGN = 0x7E00_0000_0000_0003
HEADER = {"revision": 9, "cluster_id": 1, "member_id": 2, "raft_term": 3}
OUTSIDE = [b"/red", b"/red/", b"/red0", b"/blue/k", b"", b"\xff"]


def pair(key: bytes, lease: int = 0) -> Any:
    revisions = {"create_revision": 1, "mod_revision": 2, "version": 3}
    return new("mvccpb.KeyValue", key=key, value=b"/red/v", lease=lease, **revisions)


def left(rpc: str, **fields: Any) -> Any:
    message = answer(rpc, header=HEADER, **fields)
    RED.unscope(rpc, message)
    return message


def test_a_range_loses_the_prefix_of_keys_and_keeps_values_and_counts() -> None:
    seen = left("KV.Range", kvs=[pair(b"/red/a", LEASE), pair(b"/red/b")], more=True, count=5)
    kvs = [pair(b"a", 7), pair(b"b")]
    assert seen == answer("KV.Range", header=HEADER, kvs=kvs, more=True, count=5)


@pytest.mark.parametrize("key", OUTSIDE)
def test_a_pair_from_outside_is_dropped_and_not_counted(key: bytes) -> None:
    seen = left("KV.Range", kvs=[pair(b"/red/a"), pair(key), pair(b"/red/b")], count=3)
    assert seen == answer("KV.Range", header=HEADER, kvs=[pair(b"a"), pair(b"b")], count=2)


@pytest.mark.parametrize("key", OUTSIDE)
def test_a_deleted_pair_from_outside_is_dropped(key: bytes) -> None:
    seen = left("KV.DeleteRange", prev_kvs=[pair(key), pair(b"/red/a"), pair(key)], deleted=3)
    assert seen == answer("KV.DeleteRange", header=HEADER, prev_kvs=[pair(b"a")], deleted=1)


@pytest.mark.parametrize("key", OUTSIDE)
def test_the_pair_before_a_put_is_the_callers_or_none(key: bytes) -> None:
    assert left("KV.Put", prev_kv=pair(b"/red/a", LEASE)).prev_kv == pair(b"a", 7)
    assert not left("KV.Put", prev_kv=pair(key)).HasField("prev_kv")
    assert not left("KV.Put").HasField("prev_kv")


def test_an_attached_lease_of_others_is_shown_as_it_is() -> None:
    assert left("KV.Range", kvs=[pair(b"/red/a", FOREIGN)]).kvs[0].lease == FOREIGN


def test_a_transactions_answers_are_all_changed() -> None:
    def responses(prefix: bytes, inner: list[Any]) -> list[Any]:
        one = pair(prefix + b"k", LEASE if prefix else 7)
        return [
            new("ResponseOp", response_range={"kvs": [one], "count": 1}),
            new("ResponseOp", response_put={"prev_kv": one}),
            new("ResponseOp", response_delete_range={"prev_kvs": [one], "deleted": 1}),
            new("ResponseOp"),
            *(new("ResponseOp", response_txn={"responses": one}) for one in inner),
        ]

    seen = left("KV.Txn", responses=responses(b"/red/", [responses(b"/red/", [])]), succeeded=True)
    inner = responses(b"", [responses(b"", [])])
    assert seen == answer("KV.Txn", header=HEADER, responses=inner, succeeded=True)


def test_a_pair_from_outside_is_dropped_in_a_transaction_in_a_transaction() -> None:
    message = answer("KV.Txn")
    inner = message.responses.add().response_txn.responses.add().response_range
    inner.kvs.extend([pair(b"/blue/a"), pair(b"/red/a")])
    inner.count = 2
    RED.unscope("KV.Txn", message)
    assert (list(inner.kvs), inner.count) == ([pair(b"a")], 1)


def event(key: bytes, kind: int = 0, previous: Any = None) -> Any:
    return new("mvccpb.Event", type=kind, kv=pair(key, LEASE), prev_kv=previous)


def test_a_watch_tells_of_the_callers_keys() -> None:
    events = [event(b"/red/a"), event(b"/red/b", 1, pair(b"/red/b", LEASE))]
    seen = left("Watch.Watch", watch_id=3, events=events, fragment=True)
    assert list(seen.events) == [
        new("mvccpb.Event", kv=pair(b"a", 7)),
        new("mvccpb.Event", type=1, kv=pair(b"b", 7), prev_kv=pair(b"b", 7)),
    ]
    assert (seen.watch_id, seen.fragment, seen.header.revision) == (3, True, 9)


@pytest.mark.parametrize("key", OUTSIDE)
def test_an_event_from_outside_is_dropped(key: bytes) -> None:
    events = [event(key), event(b"/red/a", 0, pair(key)), event(key), new("mvccpb.Event")]
    seen = left("Watch.Watch", events=events)
    assert [one.kv.key for one in seen.events] == [b"a"]
    assert not seen.events[0].HasField("prev_kv")


@pytest.mark.parametrize(
    "fields",
    [
        {"created": True, "watch_id": 1},
        {"canceled": True, "compact_revision": 4, "cancel_reason": "gone"},
        {},
    ],
    ids=["created", "canceled", "progress"],
)
def test_what_a_watch_says_without_events_stays(fields: dict[str, Any]) -> None:
    assert left("Watch.Watch", **fields) == answer("Watch.Watch", header=HEADER, **fields)


@pytest.mark.parametrize("rpc", ["Lease.LeaseGrant", "Lease.LeaseKeepAlive"])
def test_a_lease_has_the_callers_id_again(rpc: str) -> None:
    assert left(rpc, ID=LEASE, TTL=5) == answer(rpc, header=HEADER, ID=7, TTL=5)


def test_the_keys_of_a_lease_are_the_callers() -> None:
    keys = [b"/red/a", *OUTSIDE, b"/red/\xff"]
    seen = left("Lease.LeaseTimeToLive", ID=LEASE, TTL=5, grantedTTL=6, keys=keys)
    kept = [b"a", b"\xff"]
    assert seen == answer(
        "Lease.LeaseTimeToLive", header=HEADER, ID=7, TTL=5, grantedTTL=6, keys=kept
    )


def test_the_leases_of_others_are_not_listed() -> None:
    blue = Leases(b"/blue/", b"s").scope(7)
    nobodys = Leases(b"/red/", b"s").scope(-1)
    listed = [{"ID": one} for one in (FOREIGN, LEASE, 7, blue, -3)]
    seen = left("Lease.LeaseLeases", leases=listed)
    assert [one.ID for one in seen.leases] == [7]
    assert nobodys not in [one["ID"] for one in listed]


@pytest.mark.parametrize("key", OUTSIDE)
def test_the_key_of_a_lock_is_the_callers(key: bytes) -> None:
    assert left("Lock.Lock", key=b"/red/n/1f").key == b"n/1f"
    assert left("Lock.Lock", key=key).key == b""


@pytest.mark.parametrize("name", [b"", b"n"])
def test_a_leader_is_the_callers(name: bytes) -> None:
    given = {"name": b"/red/" + name, "key": b"/red/" + name + b"/1f", "rev": 3, "lease": LEASE}
    leader = {"name": name, "key": name + b"/1f", "rev": 3, "lease": 7}
    assert left("Election.Campaign", leader=given).leader == new("v3electionpb.LeaderKey", **leader)


def test_a_leader_from_outside_has_no_name_and_no_key() -> None:
    leader = {"name": b"/blue/n", "key": b"/blue/n/1", "rev": 3, "lease": FOREIGN}
    seen = left("Election.Campaign", leader=leader).leader
    assert (seen.name, seen.key, seen.lease) == (b"", b"", FOREIGN)
    assert not left("Election.Campaign").HasField("leader")


@pytest.mark.parametrize("rpc", ["Election.Leader", "Election.Observe"])
def test_the_pair_of_a_leader_is_the_callers_or_none(rpc: str) -> None:
    assert left(rpc, kv=pair(b"/red/n/1", LEASE)).kv == pair(b"n/1", 7)
    assert not left(rpc, kv=pair(b"/blue/n/1")).HasField("kv")


@pytest.mark.parametrize(
    "rpc", ["Lock.Unlock", "Election.Proclaim", "Election.Resign", "Lease.LeaseRevoke"]
)
def test_an_answer_of_a_header_stays(rpc: str) -> None:
    assert left(rpc) == answer(rpc, header=HEADER)
