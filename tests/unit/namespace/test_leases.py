"""Leases told from others by their IDs."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_asgi.namespace.leases import MAX_LEASE_ID, Leases

RED = Leases(b"/teams/red/", b"secret")
OTHERS = [
    pytest.param(Leases(b"/teams/blue/", b"secret"), id="another-namespace"),
    pytest.param(Leases(b"/teams/red/", b"other"), id="another-secret"),
    pytest.param(Leases(b"/teams/red", b"secret"), id="a-shorter-prefix"),
    pytest.param(Leases(b"/teams/red/sub/", b"secret"), id="a-longer-prefix"),
]
own = st.integers(1, MAX_LEASE_ID) | st.sampled_from([1, 2, MAX_LEASE_ID])
etcds = st.integers(1, 2**63 - 1) | st.sampled_from([1, MAX_LEASE_ID, MAX_LEASE_ID + 1, 2**63 - 1])


@given(own)
def test_a_lease_that_goes_in_comes_out(lease: int) -> None:
    scoped = RED.scope(lease)
    assert RED.holds(scoped)
    assert RED.unscope(scoped) == lease


@given(own)
def test_a_lease_in_etcd_is_positive_and_not_small(lease: int) -> None:
    """Other clients of etcd choose small IDs; etcd's own are 63 bits."""
    assert MAX_LEASE_ID < RED.scope(lease) < 2**63


@pytest.mark.parametrize("other", OTHERS)
@given(lease=own)
def test_the_same_id_is_another_lease_elsewhere(other: Leases, lease: int) -> None:
    scoped = other.scope(lease)
    assert scoped != RED.scope(lease)
    assert not RED.holds(scoped)
    assert RED.unscope(scoped) == scoped


@given(etcds | own.map(RED.scope) | st.integers(-(2**63), 0))
def test_no_id_of_etcds_reaches_the_lease_that_has_it(lease: int) -> None:
    """Whatever a caller sends, the lease in etcd carries the tag of its namespace, or is none."""
    scoped = RED.scope(lease)
    assert scoped == 0 if lease == 0 else RED.holds(scoped)
    if not 0 <= lease <= MAX_LEASE_ID:
        assert scoped == RED.scope(-1), "all impossible leases are the one that nobody has"
        assert RED.unscope(scoped) == 0


def test_the_lease_that_nobody_has_is_never_granted() -> None:
    nobody = RED.scope(-1)
    assert nobody not in {RED.draw() for _ in range(1000)}
    assert nobody not in {RED.scope(low) for low in range(1, 1000)}


def test_a_drawn_lease_is_of_the_namespace_and_differs_from_the_last() -> None:
    drawn = {RED.draw() for _ in range(100)}
    assert len(drawn) > 90
    assert all(RED.holds(one) and 1 <= RED.unscope(one) <= MAX_LEASE_ID for one in drawn)


@given(etcds)
def test_a_compared_lease_is_the_one_that_the_caller_sees(lease: int) -> None:
    seen = RED.unscope(lease)
    if RED.holds(lease) or lease > MAX_LEASE_ID:
        assert RED.scope_compared(seen) == lease


@given(own)
def test_an_id_as_etcd_has_it_compares_equal_to_nothing(lease: int) -> None:
    scoped = RED.scope(lease)
    assert RED.scope_compared(scoped) == RED.scope(-1)
    assert RED.scope_compared(0) == 0


def test_the_tag_is_as_documented() -> None:
    """Gateways of different releases, or in other languages, must agree on it."""
    told = (11).to_bytes(8, "big") + b"/teams/red/" + (7).to_bytes(4, "big")
    tag = int.from_bytes(hmac.digest(b"secret", told, "sha256")[:4], "big")
    assert RED.scope(7) == tag << 31 | 7
