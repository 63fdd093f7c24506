"""A browser, and a host application for its pages."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from etcd_asgi.testing import EtcdServer
from tests.browser.chromium import MISSING, environment, find_chromium
from tests.browser.outside import Outside
from tests.etcds.quick import QUICK
from tests.etcds.releases import OFFICIAL, binary_of
from tests.hosts.serving import ROOT, AppServer

TIMEOUT = 90_000.0
"""Milliseconds after which a page that does not get where it should fails its test."""

expect.set_options(timeout=TIMEOUT)

Serve = Callable[..., AppServer]
"""``serve(etcd, **env)``"""

Open = Callable[..., Page]
"""``open_page(server, path="/")``"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for each file of tests.

    It is not kept longer: Playwright has an event loop running in this thread meanwhile.
    """
    path = find_chromium()
    if path is None:
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        chromium = playwright.chromium.launch(
            executable_path=path, args=arguments, env=dict(environment())
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """``serve(etcd, GUARDED="1")``: the application, in a process of its own."""
    with _serving(tmp_path_factory) as serve:
        yield serve


@pytest.fixture(scope="session")
def serve_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """The same, for the applications that all tests share."""
    with _serving(tmp_path_factory) as serve:
        yield serve


@contextmanager
def _serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    with ExitStack() as stack:

        def started(
            etcd: EtcdServer, app: str = "tests.browser.app:app", folder: Path = ROOT, **env: str
        ) -> AppServer:
            log_path = tmp_path_factory.mktemp("site-") / "server.log"
            env = {"ETCD_URL": etcd.endpoint, **env}
            args = ["--timeout-graceful-shutdown=1"]
            running = AppServer(app, args=args, env=env, log_path=log_path, folder=folder)
            return stack.enter_context(running)

        yield started


@pytest.fixture(scope="session")
def site(serve_all: Serve, etcd: EtcdServer) -> AppServer:
    """The application in front of the shared etcd; leave it running."""
    return serve_all(etcd)


@pytest.fixture(scope="session")
def fragile_etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServer]:
    """An etcd to kill, whose watches often report progress. Leave it running."""
    log_path = tmp_path_factory.mktemp("etcd-") / "etcd.log"
    args = [*QUICK, "--experimental-watch-progress-notify-interval=100ms"]
    with EtcdServer(binary_of(OFFICIAL), args=args, log_path=log_path) as server:
        yield server


@pytest.fixture(scope="session")
def fragile(serve_all: Serve, fragile_etcd: EtcdServer) -> AppServer:
    """The application in front of it, to kill too; :func:`start` it again."""
    return serve_all(fragile_etcd)


@pytest.fixture
def behind(fragile_etcd: EtcdServer) -> Outside:
    """Another user of that etcd."""
    return Outside(fragile_etcd)


def start(server: AppServer) -> None:
    """Start a server anew, on its port."""
    server.__enter__()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """``open_page(server)``: a page of a visitor of its own. No error may go unnoticed there."""
    with ExitStack() as stack:
        errors: list[Error] = []

        def note(error: Error) -> None:
            errors.append(error)

        def opened(server: AppServer, path: str = "/") -> Page:
            context = stack.enter_context(browser.new_context())
            context.set_default_timeout(TIMEOUT)
            page = context.new_page()
            page.on("pageerror", note)
            page.goto(server.url + path)
            if path == "/":
                page.wait_for_function("window.ready")
            return page

        yield opened
    assert not errors


@pytest.fixture
def page(open_page: Open, site: AppServer) -> Page:
    """The test page, with the module's names, and a client ``etcd``."""
    return open_page(site)


@pytest.fixture
def outside(etcd: EtcdServer) -> Outside:
    """Another user of the shared etcd."""
    return Outside(etcd)


@pytest.fixture
def key() -> str:
    """A key, or prefix of keys, that no other test uses."""
    return f"browser/{uuid.uuid4()}/"
