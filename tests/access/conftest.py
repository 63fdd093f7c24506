"""One event loop for all tests here: grpcio serves one after the other badly in one process."""

from collections.abc import AsyncIterator
from inspect import iscoroutinefunction
from pathlib import Path

import pytest


@pytest.fixture(scope="package")
async def one_loop() -> AsyncIterator[None]:
    """Keeps the loop that the tests run on."""
    yield  # noqa: PT022 - the loop lasts as long as this does


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that have a loop have this one; tests without one cannot ask for it."""
    here = Path(__file__).parent
    for item in items:
        if not isinstance(item, pytest.Function) or here not in item.path.parents:
            continue
        if iscoroutinefunction(item.function):
            item.fixturenames.insert(0, "one_loop")
