"""One test per release and case, one pair of etcds per release and group."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest

from tests.etcds.releases import RELEASES, binary_of, why_missing

from . import corpus, differences, groups
from .differences import Difference
from .groups import Group
from .pair import Pair, open_pair
from .serving import Loop

GROUPS = groups.load()
find_binary = cache(binary_of)  # thousands of cases ask


class Pairs:
    """Keeps the pair of the running release and group, and replaces it when asked for another."""

    def __init__(self, against: str) -> None:
        self._against = against
        self._loop = Loop()
        self._open: tuple[str, str] | None = None
        self._stack = ExitStack()

    def of(self, release: str, group: Group, binary: Path) -> Pair:
        """Give the pair for a release and group."""
        if self._open != (release, group.name):
            self.discard()
            pair = open_pair(release, binary, group, self._loop, against=self._against)
            self._pair = self._stack.enter_context(pair)
            self._open = (release, group.name)
        return self._pair

    def discard(self) -> None:
        """End the pair; the next case gets a fresh one."""
        self._open = None
        self._stack.close()

    @contextmanager
    def fresh_after_a_failure(self) -> Iterator[None]:
        """Discard the pair when the block raises: an etcd may be gone."""
        try:
            yield
        except BaseException:
            self.discard()
            raise

    def close(self) -> None:
        """End everything."""
        self.discard()
        self._loop.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the corpus run between two stock gateways, to prove the comparison itself."""
    parser.addoption(
        "--against",
        choices=("ours", "stock"),
        default="ours",
        help="conformance: compare the stock gateway with ours, or with itself",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give the tests that ask for them every release and case, group after group."""
    if {"release", "case"} <= set(metafunc.fixturenames):
        order = {s: n for n, g in enumerate(GROUPS) for s in g.services}
        cases = sorted(corpus.load(), key=lambda case: order.get(case.service, -1))
        metafunc.parametrize(
            ("release", "case"),
            [
                pytest.param(release, case, id=f"{release}-{case.id}")
                for release in RELEASES
                for case in cases
                if case.runs_on(release)
            ],
        )


@pytest.fixture(scope="session")
def against(request: pytest.FixtureRequest) -> str:
    """What the stock gateway is compared with: "ours" or "stock"."""
    return str(request.config.getoption("--against", default="ours"))


@pytest.fixture(scope="session")
def listed(against: str) -> tuple[Difference, ...]:
    """The differences on purpose; none between two stock gateways."""
    return differences.load() if against == "ours" else ()


@pytest.fixture(scope="session")
def pairs(against: str) -> Iterator[Pairs]:
    """Pairs of etcds, one at a time."""
    pairs = Pairs(against)
    yield pairs
    pairs.close()


@pytest.fixture
def pair(release: str, case: corpus.Case, pairs: Pairs) -> Pair:
    """The pair on which a case runs; skips when the release is not on this machine."""
    binary = find_binary(release)
    if binary is None:
        pytest.skip(why_missing(release))
    return pairs.of(release, groups.of(case.service, GROUPS), binary)
