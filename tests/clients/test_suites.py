"""Other people's clients, unchanged, with their own tests."""

from collections.abc import Mapping
from concurrent.futures import Future

import pytest

from tests.clients.running import Run
from tests.clients.suites import SUITES, Suite, counts


@pytest.mark.parametrize("suite", [pytest.param(suite, id=suite.name) for suite in SUITES])
def test_a_clients_own_suite_passes(suite: Suite, runs: Mapping[str, Future[Run]]) -> None:
    """Every test of it has run, and it was the gateway that it talked to."""
    run = runs[suite.name].result()
    assert (run.status, counts(run.output)) == (0, (suite.ran, suite.skipped)), run.output[-5000:]
    assert run.paths >= {suite.prefix + rpc for rpc in suite.rpcs}
    assert "Traceback" not in run.server_log, run.server_log[-5000:]
    assert "Finished server process" in run.server_log


@pytest.mark.parametrize(
    "output",
    [
        pytest.param("", id="silent"),
        pytest.param("Ran 2 tests in 0.1s\n\nFAILED (failures=1)\n", id="failure-of-unittest"),
        pytest.param("==== 1 failed, 2 passed in 0.1s ====\n", id="failure-of-pytest"),
        pytest.param("==== no tests ran in 0.1s ====\n", id="nothing-run"),
    ],
)
def test_a_suite_that_failed_or_ran_nothing_has_no_count(output: str) -> None:
    assert counts(output) is None


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        pytest.param("Ran 1 test in 0.1s\n\nOK\n", (1, 0), id="unittest"),
        pytest.param("Ran 83 tests in 9s\n\nOK (skipped=18)\n", (83, 18), id="unittest-skipped"),
        pytest.param("==== 3 passed, 2 warnings in 0.1s ====\n", (3, 0), id="pytest"),
        pytest.param("==== 3 passed, 1 skipped in 0.1s ====\n", (3, 1), id="pytest-skipped"),
    ],
)
def test_the_count_of_a_suite_is_read_from_its_last_words(
    output: str, expected: tuple[int, int]
) -> None:
    assert counts(output) == expected
