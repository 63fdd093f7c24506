"""Limits are checked when they are made."""

from dataclasses import fields

import pytest

from etcd_asgi import Limits


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
@pytest.mark.parametrize("value", [0, -1, "1", None, True])
def test_a_limit_that_is_no_positive_number_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"Limits.{name} must be a positive number, not"):
        Limits(**{name: value})  # type: ignore[arg-type]


def test_keepalive_stays_above_what_etcd_takes_for_abuse() -> None:
    """etcd closes the connection of a client that pings more often than every 5 s."""
    assert Limits().keepalive_time > 5
