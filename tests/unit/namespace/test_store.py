"""Over a crowded store, a namespace answers as a store that holds nothing else."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from etcd_asgi.etcd.intervals import FROM_KEY
from etcd_asgi.namespace import MAX_LEASE_ID, Namespace
from etcd_asgi.namespace.keys import Keys
from etcd_asgi.namespace.leases import Leases
from tests.unit.namespace.messages import copy, new, shown
from tests.unit.namespace.model import Refused, Store
from tests.unit.namespace.test_keys import crowded, pieces

RPCS = {
    "RangeRequest": "KV.Range",
    "PutRequest": "KV.Put",
    "DeleteRangeRequest": "KV.DeleteRange",
    "TxnRequest": "KV.Txn",
}
OWN_LEASES = [1, 2, MAX_LEASE_ID]
FOREIGN = 0x7E00_0000_0000_0003
_leases = st.sampled_from([0, 0, *OWN_LEASES, 3, MAX_LEASE_ID + 1, FOREIGN, -1])
_keys = pieces | st.sampled_from([b"\0", b"a", b"\xff", b"\xff\xff"])
_ends = st.sampled_from([b"", FROM_KEY]) | pieces
_flags = st.booleans()

_ranges = st.builds(
    lambda **fields: new("RangeRequest", **fields),
    key=_keys,
    range_end=_ends,
    limit=st.sampled_from([0, 1, 2]),
)
_puts = st.builds(
    lambda **fields: new("PutRequest", **fields),
    key=_keys,
    value=pieces,
    lease=_leases,
    prev_kv=_flags,
)
_deletes = st.builds(
    lambda **fields: new("DeleteRangeRequest", **fields), key=_keys, range_end=_ends, prev_kv=_flags
)
_values: list[st.SearchStrategy[dict[str, Any]]] = [
    st.fixed_dictionaries({"target": st.just(at), name: value})
    for at, (name, value) in enumerate(
        [
            ("version", st.sampled_from([0, 1, 2])),
            ("create_revision", st.sampled_from([0, 1, 2])),
            ("mod_revision", st.sampled_from([0, 1, 2])),
            ("value", pieces),
        ]
    )
]
_ordered = st.tuples(st.one_of(_values), st.sampled_from([0, 1, 2, 3]))
_on_lease = st.tuples(
    st.fixed_dictionaries({"target": st.just(4), "lease": _leases}), st.sampled_from([0, 3])
)
_on_no_lease = st.tuples(st.just({"target": 4, "lease": 0}), st.sampled_from([0, 1, 2, 3]))
_compares = st.builds(
    lambda about, key, end: new("Compare", key=key, range_end=end, result=about[1], **about[0]),
    _ordered | _on_lease | _on_no_lease,
    _keys,
    _ends,
)


def _operation(request: Any) -> Any:
    field = RPCS[request.DESCRIPTOR.name][3:]
    names = {"Range": "range", "Put": "put", "DeleteRange": "delete_range", "Txn": "txn"}
    return new("RequestOp", **{f"request_{names[field]}": request})


def _txns(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    operations = st.lists(inner.map(_operation), max_size=3)
    return st.builds(
        lambda **fields: new("TxnRequest", **fields),
        compare=st.lists(_compares, max_size=2),
        success=operations,
        failure=operations,
    )


_plain = _ranges | _puts | _deletes
requests = st.recursive(_plain, _txns, max_leaves=8)


def _answer(store: Store, request: Any) -> Any:
    try:
        return store.do(request)
    except Refused as refusal:
        return str(refusal)


def _outside(store: Store, keys: Keys) -> dict[bytes, str]:
    return {key: shown(pair) for key, pair in store.pairs.items() if not keys.holds(key)}


def _pair(key: bytes) -> Any:
    return new("mvccpb.KeyValue", key=key, value=b"v", version=1, create_revision=1, mod_revision=1)


@given(crowded(), st.lists(requests, min_size=1, max_size=6))
def test_a_namespace_answers_as_if_it_were_alone_and_leaves_the_rest_untouched(
    case: tuple[bytes, list[bytes]], asked: list[Any]
) -> None:
    prefix, present = case
    namespace, keys, leases = Namespace(prefix, b"s"), Keys(prefix), Leases(prefix, b"s")
    shared = Store({key: _pair(key) for key in present})
    shared.leases = {FOREIGN, 3, *(leases.scope(one) for one in OWN_LEASES)}
    own = [keys.unscope(key) for key in present if keys.holds(key)]
    alone = Store({key: _pair(key) for key in own}, leases=set(OWN_LEASES))
    outside = _outside(shared, keys)
    for request in asked:
        expected = _answer(alone, copy(request))
        rpc = RPCS[request.DESCRIPTOR.name]
        namespace.scope(rpc, request)
        answer = _answer(shared, request)
        if not isinstance(answer, str):
            namespace.unscope(rpc, answer)
        assert answer == expected
        assert _outside(shared, keys) == outside
