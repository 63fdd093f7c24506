"""Both examples, one after the other, and a visitor for each of their users."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest

from tests.examples.visiting import USERS, Example, call, running, text

SECRET = "only-for-blue"
"""A key of the blue team's, and its value; also what its leader of an election says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Teams:
    """An example in which all users are logged in, and the blue team has something to hide."""

    example: Example
    red: httpx.Client
    reader: httpx.Client
    blue: httpx.Client
    lease: str
    """A lease of the blue team's, as blue sees its ID, with a key on it."""


@pytest.fixture(scope="session", params=["fastapi", "django"])
def example(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Example]:
    with running(request.param, tmp_path_factory.mktemp(f"{request.param}-")) as example:
        yield example


@pytest.fixture(scope="session")
def teams(example: Example) -> Iterator[Teams]:
    with ExitStack() as stack:
        red, reader, blue = (stack.enter_context(example.visitor()) for _ in USERS)
        for client, user in zip((red, reader, blue), USERS, strict=True):
            answer = example.log_in(client, user)
            assert answer.status_code in (302, 303), answer.text
        lease = call(blue, "lease/grant", {"TTL": 600}).json()["ID"]
        body = {"key": text(SECRET), "value": text(SECRET), "lease": lease}
        assert call(blue, "kv/put", body).status_code == 200
        lock = {"name": text("shared-name"), "lease": lease}
        assert call(blue, "lock/lock", lock).status_code == 200
        campaign = {"name": text("shared-name/e"), "lease": lease, "value": text(SECRET)}
        assert call(blue, "election/campaign", campaign).status_code == 200
        yield Teams(example=example, red=red, reader=reader, blue=blue, lease=lease)
