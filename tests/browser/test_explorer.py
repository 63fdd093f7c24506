"""The explorer: looking at keys, and changing them."""

import re
from base64 import b64encode

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open, Serve
from tests.browser.explorer import Explorer, open_explorer
from tests.browser.outside import Outside
from tests.hosts.serving import AppServer, until

JSON = '{"name":"café","big":9223372036854775807,"list":[1,{}]}'
PRETTY = """{
  "name": "café",
  "big": 9223372036854775807,
  "list": [
    1,
    {}
  ]
}"""


@pytest.fixture
def explorer(open_page: Open, site: AppServer, key: str) -> Explorer:
    """The explorer of a writer, with this test's keys."""
    return open_explorer(open_page, site, key)


def test_folders_open_and_a_json_value_keeps_its_digits(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    outside.put(key + "app/deep/settings", JSON)
    outside.put(key + "app/motd", "Welcome")
    explorer.row("app/").click()
    expect(explorer.row("motd")).to_be_visible()
    explorer.row("deep/").click()
    explorer.row("settings").click()
    expect(explorer.value).to_have_text(PRETTY, use_inner_text=True)
    explorer.button("Text").click()
    expect(explorer.value).to_have_text(JSON, use_inner_text=True)
    explorer.button("Hex").click()
    expect(explorer.value).to_contain_text("7b 22 6e 61 6d 65 22 3a")
    assert explorer.refused == []


def test_an_edited_json_value_stays_on_one_line(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    outside.put(key + "a", JSON)
    explorer.show(key + "a")
    explorer.button("Edit").click()
    expect(explorer.editor).to_have_value(PRETTY)
    explorer.editor.fill(PRETTY.replace("café", "tea"))
    explorer.button("Save").click()
    expect(explorer.value).to_contain_text('"tea"')
    assert outside.get(key + "a") == JSON.replace("café", "tea").encode()


def test_json_that_is_none_is_not_saved(explorer: Explorer, outside: Outside, key: str) -> None:
    outside.put(key + "a", JSON)
    explorer.edit(key + "a", "{")
    explorer.button("Save").click()
    expect(explorer.page.get_by_text("This is not JSON")).to_be_visible()
    assert outside.get(key + "a") == JSON.encode()


@pytest.mark.parametrize(
    ("choice", "kept"),
    [
        pytest.param("Keep theirs", b"theirs", id="theirs"),
        pytest.param("Overwrite with mine", b"mine", id="mine"),
    ],
)
def test_a_conflict_shows_both_values_and_lets_the_user_choose(
    explorer: Explorer, outside: Outside, key: str, choice: str, kept: bytes
) -> None:
    outside.put(key + "a", "first")
    explorer.edit(key + "a", "mine")
    outside.put(key + "a", "theirs")
    explorer.button("Save").click()
    conflict = explorer.page.get_by_role("group", name="Conflict")
    expect(conflict.get_by_label("Value in etcd")).to_have_text("theirs")
    expect(conflict.get_by_label("Your value")).to_have_text("mine")
    assert outside.get(key + "a") == b"theirs"
    explorer.button(choice).click()
    expect(explorer.value).to_have_text(kept.decode())
    assert outside.get(key + "a") == kept


def test_a_second_change_during_a_conflict_is_a_conflict_again(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    outside.put(key + "a", "first")
    explorer.edit(key + "a", "mine")
    outside.put(key + "a", "second")
    explorer.button("Save").click()
    expect(explorer.page.get_by_label("Value in etcd")).to_have_text("second")
    outside.put(key + "a", "third")
    explorer.button("Overwrite with mine").click()
    expect(explorer.page.get_by_label("Value in etcd")).to_have_text("third")
    assert outside.get(key + "a") == b"third"
    explorer.button("Go on editing mine").click()
    expect(explorer.editor).to_have_value("mine")
    explorer.editor.fill("both")
    explorer.button("Save").click()
    expect(explorer.value).to_have_text("both")
    assert outside.get(key + "a") == b"both"


def test_a_change_while_somebody_edits_leaves_their_text_alone(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    outside.put(key + "a", "first")
    explorer.edit(key + "a", "mine")
    outside.put(key + "a", "theirs")
    expect(explorer.page.get_by_text("Changed by somebody else")).to_be_visible()
    expect(explorer.editor).to_have_value("mine")
    explorer.button("Compare").click()
    expect(explorer.page.get_by_label("Value in etcd")).to_have_text("theirs")


def test_a_key_is_deleted_only_as_it_was_seen(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    outside.put(key + "a", "first")
    explorer.show(key + "a")
    explorer.button("Delete").click()
    outside.put(key + "a", "theirs")
    explorer.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(explorer.page.get_by_role("group", name="Conflict")).to_contain_text("theirs")
    assert outside.get(key + "a") == b"theirs"
    explorer.button("Delete it anyway").click()
    expect(explorer.page.get_by_text("deleted", exact=True)).to_be_visible()
    expect(explorer.row("a")).to_have_count(0)
    assert outside.get(key + "a") is None


def test_a_new_key_never_replaces_one(explorer: Explorer, outside: Outside, key: str) -> None:
    explorer.tree.focus()
    explorer.page.keyboard.press("n")
    name = explorer.page.get_by_label("Key", exact=True)
    expect(name).to_have_value(key)
    name.fill(key + "new")
    explorer.editor.fill("mine")
    outside.put(key + "new", "theirs")
    explorer.button("Create").click()
    expect(explorer.page.get_by_text("This key exists by now")).to_be_visible()
    assert outside.get(key + "new") == b"theirs"
    explorer.button("Go on editing mine").click()
    name.fill(key + "newer")
    explorer.button("Create").click()
    expect(explorer.value).to_have_text("mine")
    expect(explorer.row("newer")).to_be_visible()
    assert outside.get(key + "newer") == b"mine"


def test_changes_made_elsewhere_show_at_once(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    outside.put(key + "a", "first")
    explorer.show(key + "a")
    outside.put(key + "a", "second")
    expect(explorer.value).to_have_text("second")
    outside.put(key + "folder/b")
    expect(explorer.row("folder/")).to_be_visible()
    outside.delete(key + "folder/b")
    expect(explorer.row("folder/")).to_have_count(0)
    outside.delete(key + "a")
    expect(explorer.row("a")).to_have_count(0)
    expect(explorer.page.get_by_text("deleted", exact=True)).to_be_visible()
    expect(explorer.button("Create again")).to_be_visible()


def test_the_key_that_is_shown_stays_live_while_one_searches_elsewhere(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    outside.put(key + "a", "first")
    outside.put(key + "b/c")
    explorer.show(key + "a")
    explorer.search(key + "b")
    expect(explorer.row("a")).to_have_count(0)
    outside.put(key + "a", "second")
    expect(explorer.value).to_have_text("second")
    outside.delete(key + "a")
    expect(explorer.page.get_by_text("deleted", exact=True)).to_be_visible()


def test_reading_again_keeps_what_is_open(explorer: Explorer, outside: Outside, key: str) -> None:
    outside.put(key + "a/b/c", "first")
    outside.put(key + "z")
    for row in ("a/", "b/", "c"):
        explorer.row(row).click()
    explorer.button("Read again").click()
    expect(explorer.state).to_have_text("Live")
    expect(explorer.row("z")).to_be_visible()
    assert explorer.names() == ["a/", "b/", "c", "z"]
    outside.put(key + "a/b/d")
    expect(explorer.row("d")).to_be_visible()


def test_an_edited_key_keeps_its_lease(explorer: Explorer, outside: Outside, key: str) -> None:
    lease = outside.call("lease/grant", TTL=600)["ID"]
    outside.put(key + "a", "first", lease=lease)
    explorer.show(key + "a")
    expect(explorer.page.locator(".ttl")).to_have_text(re.compile(r"min .* left"))
    explorer.button("Edit").click()
    explorer.editor.fill("second")
    explorer.button("Save").click()
    expect(explorer.value).to_have_text("second")
    name = b64encode((key + "a").encode()).decode()
    assert outside.call("kv/range", key=name)["kvs"][0]["lease"] == lease


def test_leases_are_listed_with_their_keys_and_revoked(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    lease = outside.call("lease/grant", TTL=600)["ID"]
    outside.put(key + "a", "first", lease=lease)
    explorer.show(key + "a")
    explorer.button(f"{int(lease):08x}").click()
    item = explorer.page.locator(".lease.wanted")
    expect(item.get_by_role("button", name=key + "a")).to_be_visible()
    item.get_by_role("button", name="Revoke").click()
    explorer.page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(item).to_have_count(0)
    expect(explorer.row("a")).to_have_count(0)
    assert outside.get(key + "a") is None


def test_a_new_key_may_expire(explorer: Explorer, outside: Outside, key: str) -> None:
    explorer.button("New key").first.click()
    explorer.page.get_by_label("Key", exact=True).fill(key + "short")
    explorer.page.get_by_label("Expires after").fill("3600")
    explorer.button("Create").click()
    expect(explorer.page.locator(".ttl")).to_have_text(re.compile(r"(1 h|59 min).* left"))
    name = b64encode((key + "short").encode()).decode()
    lease = outside.call("kv/range", key=name)["kvs"][0]["lease"]
    assert outside.call("lease/timetolive", ID=lease)["grantedTTL"] == "3600"


def test_a_reader_is_offered_no_change(
    open_page: Open, serve: Serve, site: AppServer, outside: Outside, key: str
) -> None:
    outside.put(key + "a", "first")
    page = open_page(site, "/login/reader")
    page.goto(f"{site.url}/etcd/explorer/")
    explorer = Explorer(page)
    explorer.search(key)
    expect(page.get_by_text("read only", exact=True)).to_be_visible()
    expect(page.get_by_text("reader", exact=True)).to_be_visible()
    explorer.show(key + "a")
    expect(explorer.value).to_have_text("first")
    for name in ("Edit", "Delete", "New key"):
        expect(explorer.button(name)).to_be_hidden()
    for letter in ("e", "n", "Delete"):
        page.keyboard.press(letter)
    expect(explorer.editor).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)
    outside.put(key + "a", "second")
    expect(explorer.value).to_have_text("second")


def test_without_a_watch_the_user_reads_again(
    open_page: Open, site: AppServer, outside: Outside, key: str
) -> None:
    outside.put(key + "a", "first")
    page = open_page(site, "/bare")
    granted = {"rpcs": ["KV.Range", "KV.Put", "KV.Txn"], "namespaced": False, "user": ""}
    page.route("**/etcd/grant", lambda route: route.fulfill(json=granted))
    page.goto(f"{site.url}/etcd/explorer/")
    explorer = Explorer(page)
    expect(explorer.state).to_have_text("Not live")
    page.get_by_role("searchbox").fill(key)
    explorer.show(key + "a")
    expect(explorer.button("Delete")).to_have_count(0)
    outside.put(key + "a", "second")
    outside.put(key + "b")
    explorer.button("Read again").click()
    expect(explorer.row("b")).to_be_visible()
    expect(explorer.value).to_have_text("second")


def test_a_press_of_the_mouse_keeps_its_row_while_the_tree_changes(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    """The first row becomes the active one when the tree gets the keyboard, and then changes."""
    outside.put(key + "folder/one")
    outside.put(key + "folder/two")
    outside.put(key + "key")
    explorer.page.get_by_role("searchbox").click()
    for name in ("folder/", "key"):
        explorer.row(name).hover()
        explorer.page.mouse.down()
        outside.put(key + "key", "changed")
        outside.put(f"{key}z-{len(name)}")
        expect(explorer.row(f"z-{len(name)}")).to_be_visible()
        explorer.page.mouse.up()
    expect(explorer.row("two")).to_be_visible()
    expect(explorer.value).to_have_text("changed")


def test_history_goes_back_to_the_creation_and_restores(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    for value in ("one", "two", "three"):
        outside.put(key + "a", value)
        outside.put(key + "other")
    explorer.show(key + "a")
    explorer.page.get_by_role("tab", name="History").click()
    expect(explorer.page.get_by_text("The key was created here.")).to_be_visible()
    rows = explorer.page.locator(".revision-row")
    expect(rows).to_have_count(3)
    rows.nth(2).click()
    expect(explorer.value).to_have_text("one")
    explorer.button("Restore this value…").click()
    expect(explorer.editor).to_have_value("one")
    explorer.button("Save").click()
    expect(explorer.value).to_have_text("one")
    until(lambda: outside.get(key + "a") == b"one", "the old value is back")


def test_history_is_read_in_pages_and_stops_where_it_was_compacted(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    revisions = [outside.put(key + "a", str(value)) for value in range(50)]
    outside.compact(revisions[10])
    explorer.show(key + "a")
    explorer.page.get_by_role("tab", name="History").click()
    rows = explorer.page.locator(".revision-row")
    expect(rows).to_have_count(21)
    explorer.button("Older revisions").click()
    expect(explorer.page.get_by_text("Older revisions were compacted.")).to_be_visible()
    expect(rows).to_have_count(40)


def test_bytes_that_are_no_text_are_shown_as_what_they_are(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    name = key.encode() + b"\xff\x00\\\xe2\x80\xae"
    outside.call("kv/put", key=b64encode(name).decode(), value=b64encode(b"\x00\xfe").decode())
    explorer.row(r"\xff\x00\\\u{202e}").click()
    expect(explorer.value).to_contain_text("00 fe")
    explorer.button("Edit").click()
    explorer.editor.fill("00 fe 7")
    explorer.button("Save").click()
    expect(explorer.page.get_by_text("two hex digits")).to_be_visible()
    explorer.editor.fill("00 fe 7f")
    explorer.button("Save").click()
    expect(explorer.value).to_contain_text("00 fe 7f")
    explorer.page.reload()  # the address names the same bytes
    expect(explorer.value).to_contain_text("00 fe 7f")


def test_keys_and_values_are_never_markup(explorer: Explorer, outside: Outside, key: str) -> None:
    markup = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'<"
    outside.put(key + markup, markup)
    explorer.row(markup).click()
    expect(explorer.value).to_have_text(markup)
    expect(explorer.page.locator("main img, main script")).to_have_count(0)
    expect(explorer.page).to_have_title("etcd explorer")


def test_unsaved_text_is_not_lost_without_a_question(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    outside.put(key + "a", "first")
    outside.put(key + "b", "other")
    explorer.edit(key + "a", "mine")
    explorer.row("b").click()
    question = explorer.page.get_by_role("dialog")
    question.get_by_role("button", name="Cancel").click()
    expect(question).to_have_count(0)
    expect(explorer.editor).to_have_value("mine")
    explorer.row("b").click()
    explorer.button("Discard").click()
    expect(explorer.value).to_have_text("other")


def test_what_is_there_already_is_no_conflict(
    explorer: Explorer, outside: Outside, key: str
) -> None:
    outside.put(key + "a", "first")
    explorer.edit(key + "a", "same")
    outside.put(key + "a", "same")
    explorer.button("Save").click()
    expect(explorer.value).to_have_text("same")
    expect(explorer.page.get_by_role("group", name="Conflict")).to_have_count(0)
