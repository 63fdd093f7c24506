"""What the project's users may do in etcd: a team has its own part of it."""

from typing import Any

from etcd_asgi import KEY_VALUE, READ_ONLY, Denied, Grant

TEAMS = ("red", "blue")
READERS = "readers"
"""A group of Django's, beside those of the teams: its members may only read."""


def grant_for(user: Any) -> Grant:
    """The grant of a Django user; it may ask Django's database."""
    if not user.is_authenticated:
        raise Denied(401, "log in first")
    groups = set(user.groups.values_list("name", flat=True))
    team = next((name for name in TEAMS if name in groups), None)
    if team is None:
        raise Denied(403, "you are in no team")
    return Grant(
        rpcs=READ_ONLY if READERS in groups else KEY_VALUE,
        namespace=f"/teams/{team}/".encode(),
        user=user.get_username(),
    )
