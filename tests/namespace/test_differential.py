"""A namespace of a crowded etcd answers as an etcd that holds nothing else.

Revisions count from where both were equal. What may differ is said in docs/namespaces.md: the IDs
of cluster and member, and the lease at the end of the key of a lock or an election.
"""

from __future__ import annotations

from itertools import cycle
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from etcd_asgi.errors import UpstreamError
from etcd_asgi.etcd.intervals import end_of
from etcd_asgi.namespace.errors import with_code
from etcd_asgi.namespace.leases import Leases
from etcd_asgi.status import V2, http_status
from tests.drawn import drawn
from tests.namespace.conftest import Pair
from tests.namespace.raw import SECRET, RawEtcd
from tests.namespace.side import Side
from tests.namespace.steps import LEASES, Step, steps, watches

PREFIXES = [b"/teams/red/", b"a", b"a\xff", b"\0", b"\xff", b"\xff\xff"]
OWN = [b"\0", b"a", b"a\0", b"b", b"\xff"]
_FOREIGN_LEASES = [*LEASES, 3, 2**31, 2**62 + 1]


def crowd(etcd: RawEtcd, prefix: bytes) -> None:
    """Fill the surroundings of a namespace, with leases that have its numbers."""
    etcd.clear()
    end = end_of(prefix)
    near = [prefix, prefix[:-1], prefix[:-1] + b"\xff", end, end + b"\0", end + b"a"]
    near += [b"\0", b"\x01", b"a", b"b", b"\xfe\xff", b"\xff\xff\xff"]
    near += [prefix[:-1] + bytes([prefix[-1] ^ 1]) + b"a", b"lock-1/1", b"elect-1/1"]
    other = Leases(prefix + b"x", SECRET)
    leases = [*_FOREIGN_LEASES, *(other.scope(one) for one in LEASES)]
    for lease in leases:
        etcd.grant(lease)
    outside = sorted({key for key in near if key and (key == prefix or not key.startswith(prefix))})
    etcd.put_all(zip(outside, cycle(leases), strict=False))


def outside(etcd: RawEtcd, prefix: bytes) -> Any:
    """All that is not the namespace's, leases included."""
    mine = Leases(prefix, SECRET)
    pairs = etcd.pairs()
    return (
        {key: pairs[key] for key in pairs if key == prefix or not key.startswith(prefix)},
        [lease for lease in etcd.leases() if not mine.holds(lease)],
    )


_ALL = {"key": b"\0", "range_end": b"\0"}
_INNER = {"failure": [{"request_range": _ALL}, {"request_delete_range": {**_ALL, "prev_kv": True}}]}
_TXN = {"failure": [{"request_txn": {**_INNER, "compare": [{**_ALL, "target": "VERSION"}]}}]}
_NESTED = {**_TXN, "compare": [{**_ALL, "target": "VALUE", "value": b"other"}]}


@example(prefix=b"a\xff", asked=[("/v3/kv/range", _ALL)], watched=[_ALL])
@example(prefix=b"\xff\xff", asked=[("/v3/kv/txn", _NESTED)], watched=[])
@settings(max_examples=drawn(40), suppress_health_check=list(HealthCheck))
@given(
    prefix=st.sampled_from(PREFIXES),
    asked=st.lists(steps, min_size=3, max_size=15),
    watched=st.lists(watches, max_size=2),
)
def test_a_namespace_answers_as_an_etcd_of_its_own(
    pair: Pair, prefix: bytes, asked: list[Step], watched: list[Any]
) -> None:
    crowd(pair.crowded, prefix)
    pair.alone.clear()
    for key in OWN:
        pair.crowded.put(prefix + key)
        pair.crowded.call("/v3/kv/put", key=prefix + key, value=key)
        pair.alone.put(key)
        pair.alone.put(key)
    before = outside(pair.crowded, prefix)
    scoped, alone = pair.scoped_side(prefix), pair.alone_side()
    granted: list[Step] = [("/v3/lease/grant", {"ID": one, "TTL": 5000}) for one in LEASES[:2]]
    for path, message in granted + asked:
        assert scoped.do(path, message) == in_a_namespace(alone.do(path, message))
    for create in watched:
        assert history(scoped, create) == history(alone, create)
    assert outside(pair.crowded, prefix) == before
    assert_same_keys(pair, prefix)


def in_a_namespace(answer: tuple[int, Any]) -> tuple[int, Any]:
    """What becomes of the errors to which etcd gives no code: the one difference that is meant."""
    status, told = answer
    if status != 500:
        return answer
    error = with_code(UpstreamError(told[0]["code"], told[0]["message"]))
    return http_status(V2, error.code), [{**told[0], "code": error.code}]


def history(side: Side, create: Any) -> list[Any]:
    """The events of a watch from the start on, up to one that it is sure to see."""
    start = {"start_revision": 1, **create}
    key, end = create["key"] or b"\0", create["range_end"]
    if end not in (b"", b"\0") and key >= end:
        status, answer = side.do("/v3/watch", {"create_request": start})
        return [status, answer]
    _, put = side.do("/v3/kv/put", {"key": key, "value": b"last"})
    side.do("/v3/kv/deleterange", {"key": key})
    revision = put[0]["header"]["revision"]
    events = side.events(start, revision)
    return [event for event in events if event["kv"]["mod_revision"] < revision]


def assert_same_keys(pair: Pair, prefix: bytes) -> None:
    """Both etcds hold the same keys in the end, by number: keys of sessions differ."""
    inside = [key for key in pair.crowded.pairs() if key.startswith(prefix) and key != prefix]
    mine = Leases(prefix, SECRET)
    assert len(inside) == len(pair.alone.pairs())
    leases = [mine.unscope(one) for one in pair.crowded.leases() if mine.holds(one)]
    assert sorted(leases) == pair.alone.leases()
