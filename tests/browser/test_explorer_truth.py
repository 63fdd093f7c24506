"""The explorer says nothing false, and loses nothing that was typed."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from etcd_asgi.testing import EtcdServer
from tests.browser.conftest import Open, Serve
from tests.browser.explorer import Explorer, open_explorer
from tests.browser.outside import Outside
from tests.hosts.serving import AppServer


@pytest.fixture
def explorer(open_page: Open, site: AppServer, key: str) -> Explorer:
    """The explorer of a writer, with this test's keys."""
    return open_explorer(open_page, site, key)


@pytest.fixture
def frail(open_page: Open, fragile: AppServer, key: str) -> Explorer:
    """The explorer before an etcd to kill."""
    return open_explorer(open_page, fragile, key)


@pytest.fixture(autouse=True)
def alive(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leave etcd running, however a test ends."""
    yield
    if "fragile_etcd" in request.fixturenames:
        etcd: EtcdServer = request.getfixturevalue("fragile_etcd")
        if not etcd.running:
            etcd.start()


def delete(explorer: Explorer) -> None:
    """Ask to delete the key that is shown, and say yes."""
    explorer.button("Delete").click()
    explorer.page.get_by_role("dialog").get_by_role("button", name="Delete").click()


def test_a_failed_save_is_told_where_one_types(
    frail: Explorer, fragile_etcd: EtcdServer, behind: Outside, key: str
) -> None:
    behind.put(key + "a", "first")
    frail.edit(key + "a", "mine")
    failure = frail.page.locator(".failure")
    fragile_etcd.stop()
    expect(frail.state).to_have_text("Reconnecting")
    frail.button("Save").click()
    expect(failure).to_contain_text("Not saved: etcd cannot be reached")
    expect(failure).to_contain_text("not saved by itself")
    expect(frail.editor).to_have_value("mine")
    fragile_etcd.start()
    expect(failure).to_contain_text("etcd can be reached again: save now")
    assert behind.get(key + "a") == b"first"
    frail.button("Save").click()
    expect(frail.value).to_have_text("mine")
    expect(failure).to_have_count(0)


def test_a_key_that_could_not_be_created_or_deleted_is_told_so(
    frail: Explorer, fragile_etcd: EtcdServer, behind: Outside, key: str
) -> None:
    behind.put(key + "a", "first")
    frail.show(key + "a")
    fragile_etcd.stop()
    expect(frail.state).to_have_text("Reconnecting")
    delete(frail)
    expect(frail.banner).to_contain_text("Not deleted: etcd cannot be reached")
    expect(frail.banner).to_contain_text("try this again then")
    frail.button("New key").first.click()
    frail.page.get_by_label("Key", exact=True).fill(key + "b")
    frail.editor.fill("mine")
    frail.button("Create").click()
    expect(frail.page.locator(".failure")).to_contain_text("Not created: etcd cannot be reached")
    fragile_etcd.start()
    expect(frail.page.locator(".failure")).to_contain_text("etcd can be reached again")
    frail.button("Create").click()
    expect(frail.value).to_have_text("mine")
    assert behind.get(key + "a") == b"first"


def test_what_was_not_done_is_told_beside_a_connection_that_is_lost_after_it(
    frail: Explorer, fragile_etcd: EtcdServer, behind: Outside, key: str
) -> None:
    behind.put(key + "a", "first")
    frail.show(key + "a")
    frail.page.route("**/kv/**", lambda route: route.abort())
    delete(frail)
    expect(frail.banner).to_contain_text("Not deleted: The server cannot be reached")
    fragile_etcd.stop()
    expect(frail.banner).to_contain_text("Trying again")
    expect(frail.banner).to_contain_text("Not deleted: The server cannot be reached")
    expect(frail.banner).to_contain_text("try this again then")
    frail.page.unroute("**/kv/**")
    fragile_etcd.start()
    expect(frail.banner).to_contain_text("etcd can be reached again: try this again")
    expect(frail.banner).not_to_contain_text("Trying again")
    frail.button("Close").click()
    expect(frail.banner).to_be_hidden()


def test_a_failure_is_told_no_longer_when_what_was_asked_for_is_done(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    outside.put(key + "a", "first")
    explorer.show(key + "a")
    explorer.page.route("**/kv/**", lambda route: route.abort())
    delete(explorer)
    expect(explorer.banner).to_contain_text("Not deleted")
    explorer.page.unroute("**/kv/**")
    delete(explorer)
    expect(explorer.page.get_by_text("deleted", exact=True)).to_be_visible()
    expect(explorer.banner).to_be_hidden()


def test_a_save_that_is_refused_is_told_where_one_types(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    outside.put(key + "a", "first")
    explorer.edit(key + "a", "x" * 2_000_000)
    explorer.button("Save").click()
    failure = explorer.page.locator(".failure")
    expect(failure).to_contain_text("Not saved")
    expect(failure).to_contain_text("large")
    expect(explorer.editor).to_have_value("x" * 2_000_000)


@pytest.mark.parametrize("watched", [True, False], ids=["watch", "no watch"])
def test_a_deleted_key_is_told_with_its_revision_history_and_a_way_back(
    open_page: Open, site: AppServer, outside: Outside, key: str, watched: bool
) -> None:
    outside.age(key + "older", 400)
    for value in ("one", "two"):
        outside.put(key + "a", value)
    deleted = outside.delete(key + "a")
    outside.put(key + "other")
    page = open_page(site, "/bare")
    if not watched:
        granted = {"rpcs": ["KV.Range", "KV.Put", "KV.Txn"], "namespaced": False, "user": ""}
        page.route("**/etcd/grant", lambda route: route.fulfill(json=granted))
    page.goto(f"{site.url}/etcd/explorer/#key={key}a")
    explorer = Explorer(page)
    expect(page.get_by_text("deleted", exact=True)).to_be_visible()
    expect(page.locator(".facts")).to_contain_text(f"in revision {deleted:,}")
    expect(explorer.value).to_have_text("two")
    page.get_by_role("tab", name="History").click()
    rows = page.locator(".revision-row")
    expect(rows).to_have_count(2)
    expect(page.get_by_text("now", exact=True)).to_have_count(0)
    explorer.button("Restore this value…").click()
    expect(explorer.editor).to_have_value("two")
    explorer.button("Save").click()
    expect(page.get_by_text("deleted", exact=True)).to_have_count(0)
    assert outside.get(key + "a") == b"two"


def test_of_several_lives_of_a_key_the_last_one_is_shown(
    open_page: Open, site: AppServer, outside: Outside, key: str
) -> None:
    for value in ("one", "two", "three"):
        outside.put(key + "a", value)
        for _ in range(20):
            outside.put(key + "other")
        deleted = outside.delete(key + "a")
    page = open_page(site, f"/etcd/explorer/#key={key}a")
    expect(page.locator(".facts")).to_contain_text(f"in revision {deleted:,}")
    expect(Explorer(page).value).to_have_text("three")


def test_a_key_without_history_is_told_to_have_none_and_can_be_created(
    open_page: Open, site: AppServer, outside: Outside, key: str
) -> None:
    outside.put(key + "gone", "one")
    outside.delete(key + "gone")
    outside.compact(outside.put(key + "other"))
    for name in ("gone", "never"):
        page = open_page(site, f"/etcd/explorer/#key={key}{name}")
        expect(page.get_by_text(f"There is no key {key}{name}.")).to_be_visible()
        expect(page.get_by_text("etcd has no history of it")).to_be_visible()
    explorer = Explorer(page)
    explorer.button("Create it").click()
    expect(page.get_by_label("Key", exact=True)).to_have_value(key + "never")
    page.go_back()
    expect(page.get_by_text("etcd has no history of it")).to_be_visible()
    outside.put(key + "never", "now it is")
    expect(explorer.value).to_have_text("now it is")


def test_a_key_that_is_deleted_while_it_is_shown_says_in_which_revision(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    outside.put(key + "a", "first")
    explorer.show(key + "a")
    deleted = outside.delete(key + "a")
    expect(explorer.page.locator(".facts")).to_contain_text(f"in revision {deleted:,}")


def test_a_key_that_was_deleted_while_nobody_watched_says_in_which_revision(
    frail: Explorer, fragile: AppServer, behind: Outside, key: str
) -> None:
    behind.put(key + "a", "first")
    frail.show(key + "a")
    frail.page.get_by_role("searchbox").fill(key + "elsewhere")
    frail.page.keyboard.press("Enter")
    expect(frail.state).to_have_text("Live")
    frail.page.route("**/v3/watch", lambda route: route.abort())
    fragile.stop()
    expect(frail.state).to_have_text("Reconnecting")
    deleted = behind.delete(key + "a")
    behind.put(key + "later")
    fragile.__enter__()
    frail.page.unroute("**/v3/watch")
    expect(frail.page.locator(".facts")).to_contain_text(f"in revision {deleted:,}")


def test_where_a_key_was_created_does_not_read_as_a_time(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    created = outside.put(key + "a", "first")
    explorer.show(key + "a")
    facts = explorer.page.locator(".facts")
    expect(facts).to_contain_text(f"Created in revision{created:,}", use_inner_text=False)
    expect(facts).not_to_contain_text("Created at")


@pytest.mark.parametrize("width", [360, 1280])
def test_the_leaf_of_a_long_key_is_seen(
    explorer: Explorer, outside: Outside, key: str, width: int
) -> None:
    folders = "".join(f"a-folder-with-a-long-name-{number}/" for number in range(30))
    outside.put(key + folders + "the-leaf", "here")
    outside.put(key + "x" * 600 + "/the-leaf", "here")
    page = explorer.page
    page.set_viewport_size({"width": width, "height": 740})
    for name in (folders, "x" * 600 + "/"):
        page.goto(f"{page.url.partition('#')[0]}#key={key}{name}the-leaf")
        leaf = page.locator(".path .leaf")
        expect(leaf).to_have_text("the-leaf")
        expect(leaf).to_be_in_viewport(ratio=1)
        expect(explorer.value).to_be_in_viewport()
        assert page.evaluate("document.documentElement.scrollWidth") == width
    explorer.button("Show the whole path").click()
    expect(page.locator(".path .crumb", has_text="x" * 600)).to_be_visible()
    expect(explorer.value).to_be_in_viewport()


def test_a_short_path_is_shown_as_a_whole(explorer: Explorer, outside: Outside, key: str) -> None:
    outside.put(key + "a", "here")
    explorer.show(key + "a")
    expect(explorer.page.locator(".path")).to_have_text(key + "a", use_inner_text=True)
    expect(explorer.button("Show the whole path")).to_be_hidden()


@pytest.mark.parametrize(
    "value",
    [
        b"line1: a\nline2: b\n",
        b"  blanks  \n\t ",
        b"a\r\nb\r\n",
        b"a\rb",
        b"a\r\nb\n",
        "a\u2028b\u2029c\u0085d".encode(),
        b"a\x00b\x01\x1f",
        b"\xff\xfe text",
        "\ufeff{}".encode(),
        b'{"a" : 1,\n  "b":2}  \n',
    ],
    ids=repr,
)
def test_a_value_that_is_only_looked_at_and_saved_again_does_not_change(
    explorer: Explorer, outside: Outside, key: str, value: bytes
) -> None:
    outside.put(key + "a", value)
    explorer.show(key + "a")
    page = explorer.page
    for name in page.locator(".value-bar .segment:enabled").all_inner_texts():
        explorer.button(name).click()
        explorer.button("Edit").click()
        with page.expect_response("**/kv/txn"):
            explorer.button("Save").click()
        expect(explorer.value).to_be_visible()
        assert outside.get(key + "a") == value


def test_a_reader_of_a_deleted_key_is_not_offered_to_restore_it(
    open_page: Open, serve: Serve, site: AppServer, outside: Outside, key: str
) -> None:
    outside.put(key + "a", "one")
    outside.delete(key + "a")
    page = open_page(site, "/login/reader")
    page.goto(f"{site.url}/etcd/explorer/#key={key}a")
    expect(page.get_by_text("deleted", exact=True)).to_be_visible()
    page.get_by_role("tab", name="History").click()
    expect(page.locator(".revision-row")).to_have_count(1)
    for name in ("Restore this value…", "Create again"):
        expect(Explorer(page).button(name)).to_have_count(0)
