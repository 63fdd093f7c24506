"""Key intervals under a prefix."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from etcd_asgi.etcd.intervals import FROM_KEY, end_of
from etcd_asgi.namespace.keys import Keys
from tests.unit.namespace.messages import new
from tests.unit.namespace.model import selected

PREFIXES = [b"a", b"a/", b"\0", b"\0\0", b"a\xff", b"a\xff\xff", b"\xff", b"\xff\xff", b"a\0"]
_edge = st.sampled_from([b"\0", b"\x01", b"a", b"/", b"b", b"\xfe", b"\xff"])
pieces = st.lists(_edge, max_size=4).map(b"".join)
prefixes = st.sampled_from(PREFIXES) | pieces.filter(bool)


@st.composite
def crowded(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A prefix, and keys in it, at its edges and around."""
    prefix = draw(prefixes)
    end = end_of(prefix)
    around = [prefix, prefix[:-1], prefix + b"\0", prefix + b"\xff", prefix + b"\xff\xff", end]
    around += [end + b"\0", end[:-1] + b"\xff", prefix[:-1] + b"\xff\xff\xff"]
    inside = [prefix + piece for piece in draw(st.lists(pieces, max_size=6))]
    outside = draw(st.lists(pieces, max_size=6))
    return prefix, sorted({key for key in (*around, *inside, *outside) if key})


@pytest.mark.parametrize(
    ("prefix", "end"),
    [
        (b"a", b"b"),
        (b"/teams/red/", b"/teams/red0"),
        (b"\0", b"\x01"),
        (b"a\xff", b"b"),
        (b"a\xfe\xff\xff", b"a\xff"),
        (b"\xff", FROM_KEY),
        (b"\xff\xff\xff", FROM_KEY),
    ],
)
def test_the_end_of_a_prefix_is_the_least_key_behind_it(prefix: bytes, end: bytes) -> None:
    """Ours: etcd's own namespace helper ends "a\\xff" at "b\\0", one key too late."""
    assert end_of(prefix) == end


@given(crowded())
@example((b"a\xff", [b"a\xff", b"a\xff\0", b"b", b"b\0"]))
def test_the_interval_of_a_prefix_holds_the_keys_with_the_prefix_and_no_others(
    case: tuple[bytes, list[bytes]],
) -> None:
    prefix, keys = case
    found = selected(keys, prefix, end_of(prefix))
    assert found == [key for key in keys if key.startswith(prefix)]


@given(crowded(), pieces.filter(bool), pieces | st.just(FROM_KEY))
@example((b"\xff", [b"\xff", b"\xff\0", b"\xfe"]), b"\0", FROM_KEY)
@example((b"\0", [b"\0", b"\0\0", b"\x01"]), b"\0", b"\0\0")
def test_an_interval_finds_the_same_keys_as_where_there_are_no_others(
    case: tuple[bytes, list[bytes]], key: bytes, range_end: bytes
) -> None:
    prefix, keys = case
    namespace = Keys(prefix)
    own = [namespace.unscope(one) for one in keys if namespace.holds(one)]
    message = new("RangeRequest", key=key, range_end=range_end)
    namespace.scope_interval(message)
    found = selected(keys, message.key, message.range_end)
    assert all(namespace.holds(one) for one in found)
    assert [namespace.unscope(one) for one in found] == selected(own, key, range_end)


@given(prefixes, pieces)
def test_what_goes_in_comes_out(prefix: bytes, piece: bytes) -> None:
    namespace = Keys(prefix)
    assert namespace.unscope(namespace.scope(piece)) == piece
    assert namespace.unscope_name(namespace.scope_name(piece)) == piece


@given(crowded())
def test_a_key_from_outside_never_comes_out(case: tuple[bytes, list[bytes]]) -> None:
    prefix, keys = case
    namespace = Keys(prefix)
    for key in keys:
        inside = key.startswith(prefix) and key != prefix
        assert namespace.holds(key) is inside
        assert namespace.unscope(key) == (key[len(prefix) :] if inside else b"")


@pytest.mark.parametrize("range_end", [b"", FROM_KEY, b"b", b"\xff"])
def test_an_empty_key_stays_empty_and_loses_its_range(range_end: bytes) -> None:
    """etcd's refusal comes from etcd, and what it is sent names no key."""
    message = new("RangeRequest", key=b"", range_end=range_end)
    Keys(b"a/").scope_interval(message)
    assert (message.key, message.range_end) == (b"", b"")


def test_an_end_that_is_not_above_its_key_stays_so() -> None:
    message = new("RangeRequest", key=b"b", range_end=b"a")
    Keys(b"\xff").scope_interval(message)
    assert (message.key, message.range_end) == (b"\xffb", b"\xffa")
