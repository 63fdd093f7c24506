"""The metadata of calls is what gRPC's own class is, to everybody who looks."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import grpc.aio
import pytest

from etcd_asgi.metadata import Metadata
from etcd_asgi.upstream.grpcio.call_metadata import CallMetadata

PAIRS: Metadata = [("a", "1"), ("a", "4"), ("b", "2"), ("c-bin", b"3")]


def delete(metadata: Any, key: str) -> None:
    del metadata[key]


USES: dict[str, Callable[[Any], Any]] = {
    "add": lambda one: one.add("a", "5"),
    "add a new key": lambda one: one.add("new", "5"),
    "set": lambda one: one.__setitem__("a", "5"),
    "set a new key": lambda one: one.__setitem__("new", "5"),
    "get": lambda one: (one["a"], one.get("b"), one.get("none"), one.get("none", "x")),
    "miss": lambda one: one["none"],
    "in": lambda one: ("a" in one, "none" in one),
    "keys": lambda one: list(one.keys()),
    "values": lambda one: list(one.values()),
    "items": lambda one: list(one.items()),
    "get_all": lambda one: (one.get_all("a"), one.get_all("none")),
    "set_all": lambda one: one.set_all("a", ["6", "7"]),
    "delete_all": lambda one: one.delete_all("a"),
    "delete": lambda one: delete(one, "a"),
    "delete what is not there": lambda one: delete(one, "none"),
    "iterate": lambda one: sorted(map(str, one)),
    "length": len,
    "truth": bool,
    "equal": lambda one: (one == grpc.aio.Metadata(*PAIRS), grpc.aio.Metadata(*PAIRS) == one),
    "not equal": lambda one: (one != grpc.aio.Metadata(), grpc.aio.Metadata() != one, one == 1),
    "equal to a tuple": lambda one: one == tuple(grpc.aio.Metadata(*PAIRS)),
    "plus": lambda one: one + grpc.aio.Metadata(("d", "5")),
    "plus a tuple": lambda one: one + (("d", "5"),),  # noqa: RUF005 - the sum is what is tried
    "behind a plus": lambda one: grpc.aio.Metadata(("d", "5")) + one,
    "plus itself": lambda one: one + one,
    "plus something else": lambda one: one + 1,
    "copy": copy.copy,
    "deep copy": copy.deepcopy,
    "pickle": lambda one: pickle.loads(pickle.dumps(one)),
    "repr": repr,
    "str": str,
    "hash": hash,
    "as a dict": lambda one: dict(one) if hasattr(one, "keys") else None,
    "from_tuple": grpc.aio.Metadata.from_tuple,
}


def outcome(metadata: Any, use: Callable[[Any], Any]) -> Any:
    """The result, or the kind of error."""
    try:
        result = use(metadata)
    except Exception as error:  # noqa: BLE001 - it is what is compared
        return type(error)
    return sorted(map(str, result)) if isinstance(result, grpc.aio.Metadata) else result


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("first", USES.values(), ids=USES)
def test_each_use_and_a_second_one_are_as_with_grpcs_own(
    first: Callable[[Any], Any], use: Callable[[Any], Any]
) -> None:
    ours, theirs = CallMetadata(PAIRS), grpc.aio.Metadata(*PAIRS)
    for one in (first, use):
        assert outcome(ours, one) == outcome(theirs, one)
    assert sorted(map(str, ours)) == sorted(map(str, theirs))
    assert isinstance(ours, grpc.aio.Metadata)


def test_what_an_interceptor_changes_is_not_changed_for_the_next_call() -> None:
    pairs: Metadata = [("a", "1")]
    CallMetadata(pairs).add("b", "2")
    copied = copy.copy(CallMetadata(pairs))
    copied.add("b", "2")
    assert pairs == [("a", "1")]


def test_grpc_is_given_the_pairs_in_their_order_and_no_dictionary_is_filled() -> None:
    metadata = CallMetadata(PAIRS)
    assert (
        grpc.aio.Metadata._create(metadata) is metadata
        if hasattr(grpc.aio.Metadata, "_create")
        else isinstance(metadata, grpc.aio.Metadata)
    )
    assert tuple(metadata) == tuple(PAIRS)
    assert metadata._pairs is PAIRS
