"""Random requests, as a caller makes them: keys at the edges, few leases, locks that never wait."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

KEYS = [b"", b"\0", b"\0\0", b"a", b"a\0", b"a\xff", b"b", b"c/d", b"\xfe", b"\xff", b"\xff\xff"]
ENDS = [b"", b"", b"\0", b"\0\0", b"a", b"a\xff", b"b", b"z", b"\xff", b"\xff\xff\xff"]
LEASES = [1, 2, 2**31 - 1]
"""Leases that the caller makes; others, of whom there are some, have these numbers too."""
_STRANGE = [2**31, 2**62 + 1, -1]

Step = tuple[str, Any]
_flag = st.booleans()
_key = st.sampled_from(KEYS)
_end = st.sampled_from(ENDS)
_value = st.sampled_from([b"", b"v", b"w"])
_own_lease = st.sampled_from(LEASES)
_lease = st.sampled_from([0, 0, 0, *LEASES, *_STRANGE])
_revision = st.sampled_from([0, 0, 0, 1, 2, 5])


def _some(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


ranges = _some(
    {"key": _key, "range_end": _end},
    {
        "limit": st.sampled_from([0, 1, 2]),
        "revision": _revision,
        "sort_order": st.sampled_from(["NONE", "ASCEND", "DESCEND"]),
        "sort_target": st.sampled_from(["KEY", "VERSION", "CREATE", "MOD", "VALUE"]),
        "keys_only": _flag,
        "count_only": _flag,
        "min_mod_revision": _revision,
        "max_mod_revision": _revision,
        "min_create_revision": _revision,
        "max_create_revision": _revision,
    },
)
puts = _some(
    {"key": _key, "value": _value},
    {"lease": _lease, "prev_kv": _flag, "ignore_value": _flag, "ignore_lease": _flag},
)
deletes = _some({"key": _key, "range_end": _end}, {"prev_kv": _flag})
_results = st.sampled_from(["EQUAL", "GREATER", "LESS", "NOT_EQUAL"])
_comparisons: list[st.SearchStrategy[dict[str, Any]]] = [
    _some(
        {"key": _key, "target": st.just(target), field: value, "result": results},
        {"range_end": _end},
    )
    for target, field, value, results in (
        ("VERSION", "version", st.sampled_from([0, 1, 2]), _results),
        ("CREATE", "create_revision", _revision, _results),
        ("MOD", "mod_revision", _revision, _results),
        ("VALUE", "value", _value, _results),
        ("LEASE", "lease", _lease, st.sampled_from(["EQUAL", "NOT_EQUAL"])),
        ("LEASE", "lease", st.just(0), _results),
    )
]
_compares = st.one_of(_comparisons)


def _txns(operation: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    branch = st.lists(operation, max_size=3)
    return _some(
        {"success": branch, "failure": branch}, {"compare": st.lists(_compares, max_size=2)}
    )


_operations: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        ranges.map(lambda one: {"request_range": one}),
        puts.map(lambda one: {"request_put": one}),
        deletes.map(lambda one: {"request_delete_range": one}),
        st.just({}),
    ),
    lambda inner: _txns(inner).map(lambda one: {"request_txn": one}),
    max_leaves=5,
)
_session = _own_lease.map(lambda lease: {"name": b"lock-%d" % lease, "lease": lease})
_names = _own_lease.map(lambda lease: b"elect-%d" % lease)

steps: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("/v3/kv/put"), puts),
    st.tuples(st.just("/v3/kv/put"), puts),
    st.tuples(st.just("/v3/kv/range"), ranges),
    st.tuples(st.just("/v3/kv/deleterange"), deletes),
    st.tuples(st.just("/v3/kv/txn"), _txns(_operations)),
    st.tuples(st.just("/v3/lease/grant"), _some({"ID": _own_lease, "TTL": st.just(5000)}, {})),
    st.tuples(
        st.sampled_from(["/v3/lease/revoke", "/v3/lease/keepalive", "/v3/lease/timetolive"]),
        _some({"ID": st.sampled_from([0, 3, *LEASES])}, {"keys": _flag}),
    ),
    st.tuples(st.just("/v3/lease/revoke"), _some({"ID": st.sampled_from(_STRANGE)}, {})),
    st.tuples(st.just("/v3/lease/leases"), st.just({})),
    st.tuples(st.just("/v3/lock/lock"), _session),
    st.tuples(
        st.just("/v3/lock/unlock"),
        _own_lease.map(lambda lease: {"key": {"$session": (b"lock-%d" % lease, lease)}}),
    ),
    st.tuples(st.just("/v3/lock/unlock"), _some({"key": st.sampled_from(KEYS[1:])}, {})),
    st.tuples(
        st.just("/v3/election/campaign"),
        st.tuples(_own_lease, _value).map(
            lambda one: {"name": b"elect-%d" % one[0], "lease": one[0], "value": one[1]}
        ),
    ),
    st.tuples(
        st.just("/v3/election/proclaim"),
        st.tuples(_names, _value).map(lambda one: {"leader": {"$leader": one[0]}, "value": one[1]}),
    ),
    st.tuples(
        st.just("/v3/election/resign"), _names.map(lambda name: {"leader": {"$leader": name}})
    ),
    st.tuples(st.just("/v3/election/leader"), _names.map(lambda name: {"name": name})),
)
watches = _some(
    {"key": _key, "range_end": _end},
    {"prev_kv": _flag, "filters": st.sampled_from([[], ["NOPUT"], ["NODELETE"]])},
)
