"""The explorer when etcd, the gateway or the login go away, and come back."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from etcd_asgi.testing import EtcdServer
from tests.browser.conftest import Open, Serve, start
from tests.browser.explorer import Explorer, open_explorer
from tests.browser.outside import Outside
from tests.hosts.serving import AppServer


@pytest.fixture
def explorer(open_page: Open, fragile: AppServer, key: str) -> Explorer:
    """The explorer before an etcd and a server to kill."""
    return open_explorer(open_page, fragile, key)


@pytest.fixture(autouse=True)
def alive(fragile_etcd: EtcdServer) -> Iterator[None]:
    """Leave etcd running, however a test ends."""
    yield
    if not fragile_etcd.running:
        fragile_etcd.start()


def test_an_etcd_that_comes_back_needs_no_reload(
    explorer: Explorer, fragile_etcd: EtcdServer, behind: Outside, key: str
) -> None:
    behind.put(key + "a", "first")
    explorer.show(key + "a")
    fragile_etcd.stop()
    expect(explorer.state).to_have_text("Reconnecting")
    expect(explorer.banner).to_contain_text("etcd cannot be reached")
    fragile_etcd.start()
    behind.put(key + "a", "second")
    behind.put(key + "b", "new")
    expect(explorer.state).to_have_text("Live")
    expect(explorer.banner).to_be_hidden()
    expect(explorer.value).to_have_text("second")
    expect(explorer.row("b")).to_be_visible()


def test_a_page_that_is_opened_while_etcd_is_away_begins_when_it_is_back(
    open_page: Open, fragile: AppServer, fragile_etcd: EtcdServer, behind: Outside, key: str
) -> None:
    behind.put(key + "a", "first")
    fragile_etcd.stop()
    explorer = Explorer(open_page(fragile, "/etcd/explorer/"))
    expect(explorer.banner).to_contain_text("etcd cannot be reached")
    explorer.page.get_by_role("searchbox").fill(key)
    fragile_etcd.start()
    expect(explorer.row("a")).to_be_visible()
    expect(explorer.banner).to_be_hidden()


def test_text_that_could_not_be_saved_is_kept_until_it_can(
    explorer: Explorer, fragile_etcd: EtcdServer, behind: Outside, key: str
) -> None:
    behind.put(key + "a", "first")
    explorer.edit(key + "a", "mine")
    fragile_etcd.stop()
    expect(explorer.state).to_have_text("Reconnecting")
    explorer.button("Save").click()
    expect(explorer.button("Save")).to_be_enabled()
    expect(explorer.editor).to_have_value("mine")
    fragile_etcd.start()
    expect(explorer.state).to_have_text("Live")
    explorer.button("Save").click()
    expect(explorer.value).to_have_text("mine")
    assert behind.get(key + "a") == b"mine"


def test_a_gateway_that_comes_back_needs_no_reload(
    explorer: Explorer, fragile: AppServer, behind: Outside, key: str
) -> None:
    behind.put(key + "a", "first")
    explorer.show(key + "a")
    fragile.stop()
    expect(explorer.banner).to_contain_text("The server cannot be reached")
    behind.put(key + "a", "second")
    start(fragile)
    expect(explorer.state).to_have_text("Live")
    expect(explorer.value).to_have_text("second")


def test_history_that_was_compacted_meanwhile_makes_the_page_list_again(
    explorer: Explorer, fragile: AppServer, behind: Outside, key: str
) -> None:
    behind.put(key + "a", "first")
    behind.put(key + "b")
    explorer.show(key + "a")
    fragile.stop()
    expect(explorer.state).to_have_text("Reconnecting")
    behind.delete(key + "b")
    behind.put(key + "c")
    behind.compact(behind.put(key + "a", "second"))
    start(fragile)
    expect(explorer.row("c")).to_be_visible()
    expect(explorer.row("b")).to_have_count(0)
    expect(explorer.value).to_have_text("second")


HIDDEN = """(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_a_page_out_of_sight_lets_go_of_its_watch_and_catches_up_later(
    open_page: Open, fragile: AppServer, behind: Outside, key: str
) -> None:
    page = open_page(fragile, "/bare")
    page.clock.install()
    page.goto(f"{fragile.url}/etcd/explorer/")
    explorer = Explorer(page)
    explorer.search(key)
    behind.put(key + "a")
    expect(explorer.row("a")).to_be_visible()
    page.evaluate(HIDDEN, True)
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/watch")):
        page.clock.fast_forward(61_000)
    behind.put(key + "b")
    page.evaluate(HIDDEN, False)
    expect(explorer.row("b")).to_be_visible()
    expect(explorer.state).to_have_text("Live")


def test_a_visitor_without_a_login_is_told_so_and_goes_on_after_it(
    open_page: Open, serve: Serve, etcd: EtcdServer, outside: Outside, key: str
) -> None:
    site = serve(etcd, GUARDED="1")
    outside.put(key + "a", "first")
    explorer = Explorer(open_page(site, "/etcd/explorer/"))
    page = explorer.page
    expect(page.get_by_role("heading", name="Log in first")).to_be_visible()
    expect(explorer.tree).to_be_hidden()
    other = page.context.new_page()
    other.goto(f"{site.url}/login/writer")
    page.bring_to_front()
    explorer.button("Try again").click()
    explorer.search(key)
    explorer.show(key + "a")
    expect(explorer.value).to_have_text("first")
    outside.put(key + "b")
    expect(page.locator("#count")).to_have_text("2 keys")
    other.goto(f"{site.url}/logout")
    explorer.button("Edit").click()
    explorer.editor.fill("mine")
    explorer.button("Save").click()
    expect(page.get_by_role("heading", name="Log in first")).to_be_visible()
    other.goto(f"{site.url}/login/writer")
    explorer.button("Try again").click()
    expect(explorer.editor).to_have_value("mine")
    explorer.button("Save").click()
    expect(explorer.value).to_have_text("mine")
    assert outside.get(key + "a") == b"mine"
    outside.put(key + "c")
    expect(page.locator("#count")).to_have_text("3 keys")


def test_who_logs_in_after_another_gets_a_page_of_their_own(
    open_page: Open, serve: Serve, etcd: EtcdServer
) -> None:
    site = serve(etcd, GUARDED="1")
    page = open_page(site, "/login/writer")
    explorer = Explorer(page)
    page.goto(f"{site.url}/etcd/explorer/")
    expect(explorer.button("New key")).to_be_visible()
    expect(explorer.state).to_have_text("Live")
    other = page.context.new_page()
    other.goto(f"{site.url}/logout")
    page.locator("#refresh").dispatch_event("click")  # hidden, if the page has found out by itself
    expect(page.get_by_role("heading", name="Log in first")).to_be_visible()
    other.goto(f"{site.url}/login/reader")
    explorer.button("Try again").click()
    expect(page.locator("#read-only")).to_be_visible()
    expect(page.locator("#user")).to_have_text("reader")
    expect(explorer.button("New key")).to_have_count(0)
