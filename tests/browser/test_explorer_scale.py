"""The explorer and very many keys."""

import json

import pytest
from playwright.sync_api import Request, expect

from tests.browser.conftest import Open
from tests.browser.explorer import Explorer, open_explorer, put_many
from tests.browser.outside import Outside
from tests.hosts.serving import AppServer, until

MOST_ROWS = 120
"""Elements of the tree on the page: what is in sight, and a little above and below."""
MOST_KEYS = 500
"""Keys that one answer may have."""


@pytest.fixture
def explorer(open_page: Open, site: AppServer) -> Explorer:
    """The explorer of a writer."""
    return open_explorer(open_page, site)


def answers(explorer: Explorer) -> list[int]:
    """How many keys each list had that the page read, from now on."""
    found: list[int] = []

    def note(request: Request) -> None:
        if not request.url.endswith("/kv/range") or "keys_only" not in (request.post_data or ""):
            return
        if response := request.response():
            found.append(len(json.loads(response.body()).get("kvs", [])))

    explorer.page.on("requestfinished", note)
    return found


def test_five_thousand_keys_are_read_in_pages_and_drawn_in_part(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    put_many(outside, [f"{key}{number:04}" for number in range(5000)])
    lists = answers(explorer)
    explorer.search(key)
    expect(explorer.row("0000")).to_be_visible()
    expect(explorer.page.locator("#count")).to_have_text("5,000 keys")
    assert sum(lists) < 1500, "only what is in sight is read"

    def at_the_end() -> bool:
        explorer.page.keyboard.press("End")
        assert explorer.page.get_by_role("treeitem").count() <= MOST_ROWS
        return explorer.row("4999").is_visible()

    until(at_the_end, "the last key is in sight")
    until(lambda: explorer.page.evaluate("1") and sum(lists) >= 5000, "all lists are counted")
    assert max(lists) <= MOST_KEYS
    assert sum(lists) == 5000
    explorer.row("4999").click()
    expect(explorer.value).to_have_text(f"{key}4999")
    explorer.page.keyboard.press("Home")
    expect(explorer.row("0000")).to_be_visible()


def test_a_folder_is_listed_without_reading_what_is_below_it(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    folders = ("a", "b", "c")
    put_many(
        outside, [f"{key}{folder}/{number:04}" for folder in folders for number in range(1000)]
    )
    outside.put(key + "z")
    lists = answers(explorer)
    explorer.search(key)
    expect(explorer.row("z")).to_be_visible()
    assert explorer.names() == ["a/", "b/", "c/", "z"]
    expect(explorer.page.locator("#count")).to_have_text("3,001 keys")
    assert sum(lists) < 600


def test_changes_made_far_down_do_not_disturb_what_is_shown(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    put_many(outside, [f"{key}{number:04}" for number in range(2000)])
    explorer.search(key)
    expect(explorer.row("0000")).to_be_visible()
    outside.put(key + "1999x")
    expect(explorer.page.locator("#count")).to_have_text("2,001 keys")
    expect(explorer.row("0000")).to_be_visible()
    outside.put(key + "0000x")
    expect(explorer.row("0000x")).to_be_visible()
    assert explorer.names()[:3] == ["0000", "0000x", "0001"]
    outside.delete(key + "0000")
    expect(explorer.row("0000")).to_have_count(0)


def test_a_burst_of_changes_is_all_there_in_the_end(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    explorer.search(key)
    put_many(outside, [f"{key}f/{number:04}" for number in range(1000)])
    explorer.row("f/").click()
    put_many(outside, [f"{key}f/{number:04}" for number in range(900, 1300)])
    expect(explorer.row("f/").locator(".count")).to_have_text("1,300")
    expect(explorer.page.locator("#count")).to_have_text("1,300 keys")


def test_a_large_value_is_cut_until_one_asks_for_all(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    lines = [f"line {number}" for number in range(100_000)]
    for changed in (10, 50_000):
        lines[changed] = "changed"
        outside.put(key + "large", "\n".join(lines))
    explorer.search(key)
    explorer.row("large").click()
    expect(explorer.value).to_contain_text("Show all 1.0 MiB")
    assert len(explorer.value.inner_text()) < 70_000
    explorer.button("Show all 1.0 MiB").click()
    expect(explorer.value).to_contain_text("line 99999")
    explorer.page.get_by_role("tab", name="History").click()
    expect(explorer.page.get_by_text("The key was created here.")).to_be_visible()
    shown = explorer.value.inner_text()
    assert "line 50000" in shown
    assert "changed" in shown
    assert len(shown) < 2000
