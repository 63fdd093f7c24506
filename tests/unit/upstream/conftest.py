"""etcds with users."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from etcd_asgi import Limits
from tests.conftest import StartEtcd
from tests.etcds.releases import OFFICIAL
from tests.unit.upstream.users import MakeUsers, Users


@pytest.fixture(scope="package")
async def one_event_loop() -> AsyncIterator[None]:
    """Have these tests run on one loop: grpcio tells the end of a stream even to a closed one."""
    yield  # noqa: PT022 - what makes the loop stay is that this fixture does


@pytest.fixture
async def make_users(one_event_loop: None, start_etcd: StartEtcd) -> AsyncIterator[MakeUsers]:
    """``make_users(release=OFFICIAL, *args, limits=None)``: without auth at first."""
    made: list[Users] = []

    def make(release: str = OFFICIAL, *args: str, limits: Limits | None = None) -> Users:
        users = Users(start_etcd(release, "--bcrypt-cost=4", *args), limits)
        made.append(users)
        return users

    yield make
    for users in made:
        await users.aclose()


@pytest.fixture
async def users(make_users: MakeUsers) -> Users:
    """The official build with ada, and auth on."""
    users = make_users()
    await users.add()
    await users.enable()
    return users
