"""The suites run in the background, two at a time: they mostly wait for leases to end."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest

from tests.clients.running import CLIENTS, Run, run
from tests.clients.suites import SUITES

AT_A_TIME = 2


@pytest.fixture(scope="session")
def clients() -> None:
    """The tests of clients need their packages."""
    if not (CLIENTS / ".ready").exists():
        pytest.skip("the clients are not installed: run make clients")


@pytest.fixture(scope="session")
def runs(
    clients: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[Run]]]:
    """Every suite that a selected test asks for, by name, started already."""
    asked_for = [
        item.callspec.params.get("suite")
        for item in request.session.items
        if hasattr(item, "callspec")
    ]
    interrupted = Event()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        yield {
            suite.name: pool.submit(run, suite, tmp_path_factory.mktemp("client"), interrupted)
            for suite in SUITES
            if suite in asked_for
        }
        interrupted.set()
        pool.shutdown(cancel_futures=True)
