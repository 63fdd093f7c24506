"""The explorer when a part of its page does not come, or fails as it begins."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import Open
from tests.browser.explorer import Explorer
from tests.hosts.serving import AppServer

FOLDER = Path(__file__).resolve().parents[2] / "etcd_asgi" / "browser" / "explorer"
PARTS = sorted(
    {one.name for one in FOLDER.iterdir() if one.suffix in {".js", ".css"}} - {"start.js"}
)
PATH = "/etcd/explorer/"


@pytest.fixture
def page(open_page: Open, site: AppServer) -> Page:
    """A page before it opens the explorer."""
    return open_page(site, "/bare")


@pytest.fixture
def browser_page(browser: Browser) -> Iterator[Page]:
    """A page in which errors are expected."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def test_a_part_that_is_held_back_is_told_with_a_way_out(
    browser_page: Page, site: AppServer
) -> None:
    page = browser_page
    assert len(PARTS) > 30
    for name in [f"explorer/{part}" for part in PARTS] + ["client.js"]:
        pattern = f"**/etcd/{name}"
        page.route(pattern, lambda route: route.abort())
        page.goto(site.url + PATH)
        failed = page.get_by_role("alert").filter(has_text="could not be loaded")
        expect(failed, name).to_be_visible()
        expect(page.get_by_text("Connecting"), name).to_be_hidden()
        page.unroute(pattern)
        page.get_by_role("button", name="Reload").click()
        expect(Explorer(page).state, name).to_have_text("Live")
        page.goto(site.url + "/bare")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("throw new Error('odd browser');", id="throws"),
        pytest.param("export const = 1;", id="is no script"),
        pytest.param("export const other = 1;", id="lacks a name"),
    ],
)
def test_a_module_that_loads_but_fails_is_told_with_a_way_out(
    browser_page: Page, site: AppServer, body: str
) -> None:
    page = browser_page

    def answer(route: Route) -> None:
        route.fulfill(content_type="text/javascript", body=body)

    page.route("**/explorer/diff.js", answer)
    page.goto(site.url + PATH)
    expect(page.get_by_role("alert")).to_contain_text("This page could not begin")
    page.unroute("**/explorer/diff.js")
    page.get_by_role("button", name="Reload").click()
    expect(Explorer(page).state).to_have_text("Live")


def test_without_its_first_script_the_page_works(page: Page, site: AppServer) -> None:
    page.route("**/explorer/start.js", lambda route: route.abort())
    page.goto(site.url + PATH)
    expect(Explorer(page).state).to_have_text("Live")
    expect(page.locator("#loading")).to_be_hidden()


def test_a_module_that_never_comes_leaves_a_way_out_on_the_page(
    page: Page, site: AppServer
) -> None:
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route("**/explorer/diff.js", hold_the_first)
    page.goto(site.url + PATH, wait_until="commit")
    expect(page.locator("#loading .gate-card")).to_have_css("opacity", "1")
    page.get_by_role("link", name="Reload").click()
    expect(Explorer(page).state).to_have_text("Live")
