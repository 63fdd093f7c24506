"""The explorer by keyboard, in the dark, on a phone, and under other mounts."""

import json

import pytest
from playwright.sync_api import expect

from etcd_asgi.testing import EtcdServer
from tests.browser.conftest import Open, Serve
from tests.browser.explorer import Explorer, open_explorer
from tests.browser.outside import Outside
from tests.hosts.serving import AppServer

WIDTH = "document.documentElement.scrollWidth"
PAPER = "getComputedStyle(document.querySelector('.keys')).backgroundColor"
SHIFTS = """() => new Promise((resolve) => {
  const found = [];
  new PerformanceObserver((list) => found.push(...list.getEntries()))
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve(found.filter((one) => !one.hadRecentInput).map((one) => one.value)), 0);
})"""


@pytest.fixture
def explorer(open_page: Open, site: AppServer, key: str) -> Explorer:
    """The explorer of a writer, with this test's keys."""
    return open_explorer(open_page, site, key)


def test_everything_can_be_done_by_keyboard(explorer: Explorer, outside: Outside, key: str) -> None:
    outside.put(key + "a/one", "first")
    outside.put(key + "b", "second")
    page = explorer.page
    expect(explorer.row("b")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(explorer.tree).to_be_focused()
    for press in ("Home", "ArrowRight"):
        page.keyboard.press(press)
    expect(explorer.row("one")).to_be_visible()
    expect(explorer.row("a/")).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(explorer.value).to_have_text("first")
    expect(explorer.row("one")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("e")
    expect(explorer.editor).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("typed")
    page.keyboard.press("Control+Enter")
    expect(explorer.value).to_have_text("typed")
    assert outside.get(key + "a/one") == b"typed"
    page.keyboard.press("Escape")
    expect(explorer.tree).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(explorer.row("a/")).to_have_attribute("aria-expanded", "false")


def test_a_dialog_lists_the_keys_and_leaves_at_escape(explorer: Explorer) -> None:
    page = explorer.page
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_tree_tells_assistive_technology_where_one_is(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    outside.put(key + "a/one")
    outside.put(key + "b")
    explorer.row("a/").click()
    one = explorer.row("one")
    expect(one).to_have_attribute("aria-level", "2")
    expect(explorer.row("b")).to_have_attribute("aria-posinset", "2")
    expect(explorer.row("b")).to_have_attribute("aria-setsize", "2")
    explorer.page.keyboard.press("Home")
    active = explorer.tree.get_attribute("aria-activedescendant")
    expect(explorer.page.locator(f"#{active}")).to_have_attribute("aria-label", "a/")


def test_colours_follow_the_system_until_one_chooses(explorer: Explorer) -> None:
    page = explorer.page
    page.emulate_media(color_scheme="light")
    light = page.evaluate(PAPER)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(PAPER)
    assert light != dark
    explorer.button("Theme: auto").click()
    assert page.evaluate(PAPER) == light
    page.reload()
    expect(explorer.button("Theme: light")).to_be_visible()
    assert page.evaluate(PAPER) == light
    explorer.button("Theme: light").click()
    page.emulate_media(color_scheme="light")
    assert page.evaluate(PAPER) == dark


def test_a_phone_shows_one_thing_at_a_time(explorer: Explorer, outside: Outside, key: str) -> None:
    page = explorer.page
    page.set_viewport_size({"width": 360, "height": 640})
    outside.put(key + "a-long-name-without-any-slash-" * 5, json.dumps({"long": "x" * 300}))
    row = explorer.page.get_by_role("treeitem").first
    expect(row).to_be_visible()
    assert page.evaluate(WIDTH) == 360
    row.click()
    expect(explorer.value).to_be_visible()
    expect(explorer.tree).to_be_hidden()
    for name in ("Edit", "Delete"):
        expect(explorer.button(name)).to_be_in_viewport(ratio=1)
    assert page.evaluate(WIDTH) == 360
    explorer.button("Edit").click()
    expect(explorer.button("Save")).to_be_in_viewport(ratio=1)
    explorer.button("Cancel").click()
    explorer.page.get_by_role("tab", name="History").click()
    assert page.evaluate(WIDTH) == 360
    explorer.button("Back to the keys").click()
    expect(explorer.tree).to_be_visible()
    expect(explorer.value).to_have_count(0)


def test_nothing_jumps_when_the_page_loads_and_changes_come(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    outside.put(key + "a", "first")
    explorer.show(key + "a")
    explorer.page.reload()
    expect(explorer.value).to_have_text("first")
    outside.put(key + "a", "second")
    expect(explorer.value).to_have_text("second")
    assert sum(explorer.page.evaluate(SHIFTS)) < 0.02


def test_the_address_of_a_key_can_be_kept(explorer: Explorer, outside: Outside, key: str) -> None:
    outside.put(key + "a/b", "here")
    explorer.row("a/").click()
    explorer.row("b").click()
    expect(explorer.value).to_have_text("here")
    explorer.page.reload()
    expect(explorer.value).to_have_text("here")
    explorer.page.go_back()
    expect(explorer.value).to_have_count(0)
    explorer.page.goto(explorer.page.url.partition("#")[0] + "#key=%5C")
    expect(explorer.banner).to_contain_text("backslash")


@pytest.mark.parametrize("mount", [pytest.param("/deep/below", id="nested"), ""])
def test_the_page_works_under_every_mount(
    open_page: Open, serve: Serve, etcd: EtcdServer, outside: Outside, key: str, mount: str
) -> None:
    site = serve(etcd, MOUNT=mount)
    outside.put(key + "a", "first")
    page = open_page(site, f"{mount}/explorer")
    assert page.url == f"{site.url}{mount}/explorer/"
    explorer = Explorer(page)
    explorer.search(key)
    explorer.show(key + "a")
    expect(explorer.value).to_have_text("first")
