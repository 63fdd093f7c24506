"""The etcds that tests run against, the versions in the report's header, and no clock in tests."""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from platform import python_version

import pytest
from google.protobuf.internal import api_implementation
from hypothesis import HealthCheck, settings

from etcd_asgi.testing import EtcdServer
from tests.drawn import drawn
from tests.etcds.quick import QUICK
from tests.etcds.releases import OFFICIAL, RELEASES, binary_of, why_missing

StartEtcd = Callable[..., EtcdServer]
"""``start_etcd(release=OFFICIAL, *args)``"""

# Every client of httpx reads this file, or else all authorities of the web, which takes longer than
# the rest of most tests. No test speaks with the web.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).with_name("no-authority.pem"))

_REPORTED = ("grpcio", "protobuf", "starlette", "anyio")
# No test may fail because the machine is slow; and a failure prints how to see it again. Elsewhere
# each run tries other examples; a run of CI tries the same ones twice.
settings.register_profile(
    "house",
    max_examples=drawn(100),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    derandomize="CI" in os.environ,
)
settings.load_profile("house")

_FIXTURES = {"etcd_servers", "start_etcd"}
_LIVE = pytest.StashKey[list[EtcdServer]]()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """grpcio knows asyncio alone."""
    return "asyncio"


@pytest.fixture(scope="session", params=RELEASES)
def etcd_release(request: pytest.FixtureRequest) -> str:
    """Every release in turn; the tests of one that is not there are skipped."""
    release: str = request.param
    if binary_of(release) is None:
        pytest.skip(why_missing(release))
    return release


@pytest.fixture(scope="session")
def etcd_servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], EtcdServer]]:
    """``etcd_servers(release)``: one server per release and run, started when first asked for.

    Everybody shares it: use keys of your own, and leave it running and without auth.
    """
    started: dict[str, EtcdServer] = {}
    with ExitStack() as stack:

        def shared(release: str) -> EtcdServer:
            if release not in started:
                log_path = tmp_path_factory.mktemp(f"etcd-{release}-") / "etcd.log"
                started[release] = stack.enter_context(_server(release, log_path))
                _live(request.config).append(started[release])
            return started[release]

        yield shared
        _live(request.config).clear()


@pytest.fixture(scope="session")
def etcd(etcd_servers: Callable[[str], EtcdServer]) -> EtcdServer:
    """The shared server of the official build."""
    return etcd_servers(OFFICIAL)


@pytest.fixture
def start_etcd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StartEtcd]:
    """``start_etcd(release, *args)``: a server of this test alone, to kill or lock with auth."""
    mine: list[EtcdServer] = []
    with ExitStack() as stack:

        def start(release: str = OFFICIAL, *args: str) -> EtcdServer:
            server = _server(release, tmp_path / f"etcd-{len(mine)}.log", *args)
            mine.append(stack.enter_context(server))
            _live(request.config).append(server)
            return server

        yield start
    for server in mine:
        _live(request.config).remove(server)


def _server(release: str, log_path: Path, *args: str) -> EtcdServer:
    binary = binary_of(release)
    if binary is None:
        pytest.skip(why_missing(release))
    return EtcdServer(binary, args=[*QUICK, *args], log_path=log_path)


def _live(config: pytest.Config) -> list[EtcdServer]:
    return config.stash.setdefault(_LIVE, [])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the etcds of a failed test had to say."""
    report = yield
    uses_etcd = _FIXTURES.intersection(getattr(item, "fixturenames", ()))
    if report.when == "call" and report.failed and uses_etcd:
        for server in _live(item.config):
            report.sections.append((f"log of {server!r}: {server.log_path}", server.log_tail()))
    return report


def pytest_report_header() -> list[str]:
    """Name the versions that a result depends on."""
    there = [release for release in RELEASES if binary_of(release)]
    missing = [why_missing(release) for release in RELEASES if release not in there]
    packages = ", ".join(f"{name} {version(name)}" for name in _REPORTED)
    packages += f" ({api_implementation.Type()})"
    return [f"Python {python_version()}, {packages}", f"etcd {', '.join(there)}", *missing]
