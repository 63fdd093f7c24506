"""Each request on its way in."""

from typing import Any

import pytest

from etcd_asgi.errors import Denied, UpstreamError
from etcd_asgi.namespace import MAX_LEASE_ID, MAX_TXN_LEVELS, SCOPED, Namespace
from etcd_asgi.namespace.leases import Leases
from tests.unit.namespace.messages import BY_NAME, new, request

RED = Namespace(b"/red/", b"s")
LEASES = Leases(b"/red/", b"s")
NOBODYS = LEASES.scope(-1)


def scoped(rpc: str, **fields: Any) -> Any:
    message = request(rpc, **fields)
    RED.scope(rpc, message)
    return message


@pytest.mark.parametrize("rpc", ["KV.Range", "KV.DeleteRange"])
@pytest.mark.parametrize(
    ("given", "sent"),
    [
        pytest.param((b"k", b""), (b"/red/k", b""), id="one-key"),
        pytest.param((b"a", b"b"), (b"/red/a", b"/red/b"), id="interval"),
        pytest.param((b"k", b"\0"), (b"/red/k", b"/red0"), id="from-key"),
        pytest.param((b"\0", b"\0"), (b"/red/\0", b"/red0"), id="all-keys"),
        pytest.param((b"k", b"\0\0"), (b"/red/k", b"/red/\0\0"), id="an-end-near-nothing"),
        pytest.param((b"k", b"\xff" * 9), (b"/red/k", b"/red/" + b"\xff" * 9), id="a-far-end"),
        pytest.param((b"", b"\0"), (b"", b""), id="no-key-from-key"),
        pytest.param((b"", b"z"), (b"", b""), id="no-key-with-an-end"),
        pytest.param((b"../blue/k", b""), (b"/red/../blue/k", b""), id="no-path"),
    ],
)
def test_an_interval_is_moved_under_the_prefix(
    rpc: str, given: tuple[bytes, bytes], sent: tuple[bytes, bytes]
) -> None:
    message = scoped(rpc, key=given[0], range_end=given[1])
    assert (message.key, message.range_end) == sent


def test_all_else_in_a_range_stays() -> None:
    options = {
        "limit": 3,
        "revision": 4,
        "sort_order": 2,
        "sort_target": 3,
        "serializable": True,
        "keys_only": True,
        "count_only": True,
        "min_mod_revision": 5,
        "max_mod_revision": 6,
        "min_create_revision": 7,
        "max_create_revision": 8,
    }
    message = scoped("KV.Range", key=b"k", **options)
    assert message == request("KV.Range", key=b"/red/k", **options)


def test_a_put_has_its_key_and_its_lease_moved_and_nothing_else() -> None:
    flags = {"prev_kv": True, "ignore_value": True, "ignore_lease": True}
    message = scoped("KV.Put", key=b"k", value=b"v", lease=7, **flags)
    sent = request("KV.Put", key=b"/red/k", value=b"v", lease=LEASES.scope(7), **flags)
    assert message == sent


def test_a_put_without_a_key_stays_without() -> None:
    assert scoped("KV.Put", value=b"v") == request("KV.Put", value=b"v")


@pytest.mark.parametrize("lease", [-1, MAX_LEASE_ID + 1, LEASES.scope(7), 2**63 - 1])
def test_a_lease_of_others_becomes_one_that_nobody_has(lease: int) -> None:
    assert scoped("KV.Put", lease=lease).lease == NOBODYS
    leader = new("v3electionpb.LeaderKey", key=b"k", lease=lease)
    assert scoped("Election.Resign", leader=leader).leader.lease == NOBODYS


@pytest.mark.parametrize("lease", [-1, MAX_LEASE_ID + 1, LEASES.scope(7), 2**63 - 1])
@pytest.mark.parametrize("rpc", ["Lock.Lock", "Election.Campaign", "Election.Proclaim"])
def test_a_lease_of_others_is_not_found_for_a_lock_or_a_leader(rpc: str, lease: int) -> None:
    leader = new("v3electionpb.LeaderKey", key=b"k", lease=lease)
    fields = {"leader": leader} if rpc == "Election.Proclaim" else {"lease": lease}
    with pytest.raises(UpstreamError, match="requested lease not found") as refusal:
        scoped(rpc, **fields)
    assert (refusal.value.code, refusal.value.local) == (5, True)


@pytest.mark.parametrize("rpc", ["Lock.Lock", "Election.Campaign", "Election.Proclaim"])
def test_a_lock_or_a_leader_without_a_lease_is_given_one_of_the_namespace(rpc: str) -> None:
    leader = new("v3electionpb.LeaderKey", key=b"k")
    message = scoped(rpc, **({"leader": leader} if rpc == "Election.Proclaim" else {}))
    session = RED.session(rpc, message)
    assert session is not None
    holder, lease = session
    assert holder == (message.leader if rpc == "Election.Proclaim" else message)
    assert (lease.TTL, LEASES.holds(lease.ID)) == (60, True)


@pytest.mark.parametrize("rpc", sorted(SCOPED))
def test_no_other_request_is_given_a_lease(rpc: str) -> None:
    asks = {"Lock.Lock", "Election.Campaign"}
    assert (RED.session(rpc, request(rpc)) is not None) is (rpc in asks)
    if rpc in asks:
        assert RED.session(rpc, scoped(rpc, lease=7)) is None


def test_who_resigns_without_a_lease_does_not_make_one() -> None:
    leader = new("v3electionpb.LeaderKey", key=b"k")
    assert scoped("Election.Resign", leader=leader).leader.lease == NOBODYS
    assert not scoped("Election.Resign").HasField("leader")


@pytest.mark.parametrize(
    "rpc", ["Lease.LeaseRevoke", "Lease.LeaseKeepAlive", "Lease.LeaseTimeToLive"]
)
@pytest.mark.parametrize(
    ("given", "sent"),
    [(7, LEASES.scope(7)), (0, 0), (LEASES.scope(7), NOBODYS), (2**40, NOBODYS), (-7, NOBODYS)],
)
def test_a_request_about_a_lease_reaches_leases_of_the_namespace_alone(
    rpc: str, given: int, sent: int
) -> None:
    message = scoped(rpc, ID=given)
    assert sent == message.ID


def test_a_lease_is_granted_under_the_callers_id() -> None:
    assert scoped("Lease.LeaseGrant", ID=7, TTL=60) == request(
        "Lease.LeaseGrant", ID=LEASES.scope(7), TTL=60
    )


def test_a_lease_without_an_id_gets_one_of_the_namespace() -> None:
    assert LEASES.holds(scoped("Lease.LeaseGrant", TTL=60).ID)


@pytest.mark.parametrize("lease", [-1, MAX_LEASE_ID + 1, 2**63 - 1])
def test_an_id_that_a_namespace_cannot_have_is_refused(lease: int) -> None:
    with pytest.raises(Denied, match=str(MAX_LEASE_ID)) as refusal:
        scoped("Lease.LeaseGrant", ID=lease)
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        pytest.param((b"k", b""), (b"/red/k", b""), id="one-key"),
        pytest.param((b"", b""), (b"/red/\0", b""), id="no-key-is-the-smallest"),
        pytest.param((b"", b"\0"), (b"/red/\0", b"/red0"), id="all-keys"),
        pytest.param((b"", b"z"), (b"/red/\0", b"/red/z"), id="no-key-with-an-end"),
        pytest.param((b"\0", b"\0"), (b"/red/\0", b"/red0"), id="from-the-smallest"),
    ],
)
def test_a_watch_is_moved_under_the_prefix(
    given: tuple[bytes, bytes], sent: tuple[bytes, bytes]
) -> None:
    """etcd takes a watch without a key as one on the smallest key."""
    options = {"start_revision": 3, "progress_notify": True, "watch_id": 9, "filters": [1]}
    create = new("WatchCreateRequest", key=given[0], range_end=given[1], **options)
    message = scoped("Watch.Watch", create_request=create)
    assert message.create_request == new(
        "WatchCreateRequest", key=sent[0], range_end=sent[1], **options
    )


@pytest.mark.parametrize(
    "fields",
    [{"cancel_request": {"watch_id": 3}}, {"progress_request": {}}, {}],
    ids=["cancel", "progress", "empty"],
)
def test_cancel_and_progress_of_a_watch_stay_as_they_are(fields: dict[str, Any]) -> None:
    assert scoped("Watch.Watch", **fields) == request("Watch.Watch", **fields)


def test_a_transaction_is_moved_in_all_its_parts() -> None:
    def txn(key: bytes, end: bytes, lease: int, inner: list[Any]) -> Any:
        operations = [
            new("RequestOp", request_range={"key": key, "range_end": end}),
            new("RequestOp", request_put={"key": key, "value": b"v", "lease": lease}),
            new("RequestOp", request_delete_range={"key": key, "range_end": end}),
            new("RequestOp"),
            *(new("RequestOp", request_txn=one) for one in inner),
        ]
        compares = [
            new("Compare", key=key, range_end=end, target=3, value=b"v"),
            new("Compare", key=key, target=4, lease=lease),
        ]
        return new("TxnRequest", compare=compares, success=operations, failure=operations[::-1])

    message = txn(b"k", b"\0", 7, [txn(b"k", b"\0", 7, [txn(b"k", b"\0", 7, [])])])
    RED.scope("KV.Txn", message)
    moved = (b"/red/k", b"/red0", LEASES.scope(7))
    assert message == txn(*moved, [txn(*moved, [txn(*moved, [])])])


def _nested(levels: int) -> Any:
    message = inner = request("KV.Txn")
    for _ in range(levels - 1):
        inner = inner.success.add().request_txn
    inner.failure.add().request_range.key = b"k"
    return message


def test_a_deep_transaction_is_moved_to_its_last_level() -> None:
    message = _nested(MAX_TXN_LEVELS)
    RED.scope("KV.Txn", message)
    for _ in range(MAX_TXN_LEVELS - 1):
        message = message.success[0].request_txn
    assert message.failure[0].request_range.key == b"/red/k"


def test_a_transaction_that_is_too_deep_is_refused() -> None:
    with pytest.raises(Denied, match="at most 40 levels") as refusal:
        RED.scope("KV.Txn", _nested(MAX_TXN_LEVELS + 1))
    assert refusal.value.status == 400


@pytest.mark.parametrize("result", [1, 2], ids=["greater", "less"])
def test_leases_cannot_be_ordered(result: int) -> None:
    compare = new("Compare", key=b"k", target=4, lease=7, result=result)
    with pytest.raises(Denied, match="no order") as refusal:
        scoped("KV.Txn", compare=[compare])
    assert refusal.value.status == 400


@pytest.mark.parametrize("result", [0, 1, 2, 3])
def test_a_lease_can_be_compared_with_none(result: int) -> None:
    compare = new("Compare", key=b"k", target=4, lease=0, result=result)
    assert scoped("KV.Txn", compare=[compare]).compare[0].lease == 0


@pytest.mark.parametrize("name", [b"", b"n", b"/n/", b"\0", b"\xff"])
def test_locks_and_elections_are_moved_by_their_names(name: bytes) -> None:
    for rpc in ("Lock.Lock", "Election.Campaign", "Election.Leader", "Election.Observe"):
        assert scoped(rpc, name=name).name == b"/red/" + name


@pytest.mark.parametrize("key", [b"n/1", b"/blue/n/1", b"\0"])
def test_unlock_deletes_a_key_of_the_namespace_whatever_it_is(key: bytes) -> None:
    assert scoped("Lock.Unlock", key=key).key == b"/red/" + key


@pytest.mark.parametrize("rpc", ["Election.Proclaim", "Election.Resign"])
def test_a_leader_is_moved_by_its_key_too(rpc: str) -> None:
    """etcd writes the leader's key, and does not look whether it belongs to the name."""
    leader = new("v3electionpb.LeaderKey", name=b"n", key=b"/blue/n/1", rev=3, lease=7)
    assert scoped(rpc, leader=leader).leader == new(
        "v3electionpb.LeaderKey",
        name=b"/red/n",
        key=b"/red//blue/n/1",
        rev=3,
        lease=LEASES.scope(7),
    )


@pytest.mark.parametrize("rpc", ["Election.Proclaim", "Election.Resign"])
def test_a_leader_that_is_missing_stays_missing(rpc: str) -> None:
    assert not scoped(rpc).HasField("leader")


@pytest.mark.parametrize("rpc", ["Lock.Unlock", "Election.Proclaim", "Election.Resign"])
def test_a_lock_or_a_leader_without_a_key_is_refused(rpc: str) -> None:
    """etcd says the same, but with code 2, thus HTTP status 500."""
    leader = new("v3electionpb.LeaderKey", name=b"n", lease=2**40)
    fields = {} if rpc == "Lock.Unlock" else {"leader": leader}
    with pytest.raises(UpstreamError, match="etcdserver: key is not provided") as refusal:
        scoped(rpc, **fields)
    assert (refusal.value.code, refusal.value.local) == (3, True)


@pytest.mark.parametrize("rpc", sorted(set(BY_NAME) - SCOPED))
def test_what_acts_on_all_of_etcd_is_denied(rpc: str) -> None:
    for change, binding in ((RED.scope, "request"), (RED.unscope, "response")):
        descriptor = getattr(BY_NAME[rpc], binding)
        with pytest.raises(Denied, match=rpc) as refusal:
            change(rpc, new(descriptor.full_name))
        assert refusal.value.status == 403


def test_what_can_be_scoped_is_listed() -> None:
    services = {rpc.partition(".")[0] for rpc in SCOPED}
    assert services == {"KV", "Watch", "Lease", "Lock", "Election"}
    assert set(BY_NAME) >= SCOPED
    assert {rpc for rpc in BY_NAME if rpc.partition(".")[0] in services} - SCOPED == {"KV.Compact"}


@pytest.mark.parametrize("prefix", [b"", "/red/", None, bytearray(b"/red/")])
def test_a_prefix_that_is_none_is_refused(prefix: Any) -> None:
    with pytest.raises(ValueError, match="such as b'/teams/red/'"):
        Namespace(prefix)


def test_a_secret_that_is_not_bytes_is_refused() -> None:
    secret: Any = "text"
    with pytest.raises(ValueError, match="lease_secret="):
        Namespace(b"/red/", secret)


def test_a_secret_is_not_shown() -> None:
    assert "hidden" not in repr(Namespace(b"/red/", b"hidden"))
