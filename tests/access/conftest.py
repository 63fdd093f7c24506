"""One event loop for all tests here: grpcio serves one after the other badly in one process."""

from collections.abc import AsyncIterator

import pytest


@pytest.fixture(scope="package", autouse=True)
async def one_loop() -> AsyncIterator[None]:
    """Keeps the loop that the tests run on."""
    yield  # noqa: PT022 - the loop lasts as long as this does
