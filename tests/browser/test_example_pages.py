"""The page of the examples: log in, see the team's keys live, edit them, log out."""

import shutil
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import TIMEOUT, Open
from tests.conftest import StartEtcd
from tests.examples.visiting import Example, call, running, text


@pytest.fixture(scope="module", params=["fastapi", "django"])
def example(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Example]:
    with running(request.param, tmp_path_factory.mktemp(f"{request.param}-")) as example:
        yield example


@pytest.fixture(scope="module")
def colleague(example: Example) -> Iterator[httpx.Client]:
    """Another writer of the red team, at another machine."""
    with example.visitor() as client:
        example.log_in(client, "red-writer")
        yield client


def log_in(open_page: Open, example: Example, user: str) -> Page:
    page = open_page(example, "/login")
    page.get_by_label("Name").fill(user)
    page.get_by_label("Password").fill(example.passwords[user])
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#user")).to_have_text(user)
    expect(page.locator("#state")).to_have_text("live")
    return page


def test_keys_are_added_edited_deleted_and_seen_live(
    open_page: Open, example: Example, colleague: httpx.Client
) -> None:
    page = log_in(open_page, example, "red-writer")
    page.get_by_label("new key").fill("lamp")
    page.get_by_label("new value").fill("off")
    page.get_by_role("button", name="Add").click()
    row = page.locator("li", has=page.locator("code", has_text="lamp"))
    expect(row.get_by_label("value")).to_have_value("off")

    call(colleague, "kv/put", {"key": text("lamp"), "value": text("on")})
    expect(row.get_by_label("value")).to_have_value("on")

    row.get_by_label("value").fill("dim")
    with page.expect_response("**/kv/txn") as saved:
        row.get_by_role("button", name="Save").click()
    assert saved.value.ok
    expect(page.locator("#message")).to_have_text("")
    found = call(colleague, "kv/range", {"key": text("lamp")}).json()["kvs"][0]
    assert found["value"] == text("dim")

    row.get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)


def test_nobody_overwrites_what_another_has_just_written(
    open_page: Open, example: Example, colleague: httpx.Client
) -> None:
    call(colleague, "kv/put", {"key": text("door"), "value": text("open")})
    page = log_in(open_page, example, "red-writer")
    row = page.locator("li", has=page.locator("code", has_text="door"))
    row.get_by_label("value").fill("mine")
    call(colleague, "kv/put", {"key": text("door"), "value": text("theirs")})
    expect(page.locator("#message")).to_contain_text("door has changed meanwhile")
    expect(row.get_by_label("value")).to_have_value("mine")
    row.get_by_role("button", name="Save").click()
    expect(page.locator("#message")).to_contain_text("somebody else was quicker")
    expect(row.get_by_label("value")).to_have_value("theirs")


def test_a_reader_is_not_offered_what_is_not_granted(
    open_page: Open, example: Example, colleague: httpx.Client
) -> None:
    call(colleague, "kv/put", {"key": text("bell"), "value": text("rings")})
    page = log_in(open_page, example, "red-reader")
    row = page.locator("li", has=page.locator("code", has_text="bell"))
    expect(row.get_by_label("value")).to_be_disabled()
    expect(page.get_by_role("button")).to_have_text(["Log out"])


def test_logging_out_leads_back_to_the_login(open_page: Open, example: Example) -> None:
    page = log_in(open_page, example, "blue-writer")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading")).to_have_text("Log in")
    page.goto(example.url + "/")
    expect(page.get_by_role("heading")).to_have_text("Log in")


def test_the_explorer_shows_the_teams_keys(
    open_page: Open, example: Example, colleague: httpx.Client
) -> None:
    call(colleague, "kv/put", {"key": text("explored"), "value": text("v")})
    page = log_in(open_page, example, "red-writer")
    page.get_by_role("link", name="Explorer").click()
    expect(page.get_by_text("explored")).to_be_visible()


def test_the_page_goes_on_when_etcd_comes_back(
    open_page: Open, start_etcd: StartEtcd, tmp_path: Path
) -> None:
    """A change made while nobody could see it is shown without a reload."""
    etcd = start_etcd()
    with running("fastapi", tmp_path, f"--etcd={etcd.endpoint}") as example:
        page = log_in(open_page, example, "blue-writer")
        state = page.locator("#state")
        etcd.kill()
        expect(state).to_have_text("retrying: etcd is not reachable", timeout=TIMEOUT)
        etcd.restart()
        body = {"key": text("/teams/blue/missed"), "value": text("no")}
        url = f"{etcd.endpoint}/v3/kv/put"
        assert httpx.post(url, json=body, timeout=30).status_code == 200
        row = page.locator("li", has=page.locator("code", has_text="missed"))
        expect(row.get_by_label("value")).to_have_value("no", timeout=TIMEOUT)
        expect(state).to_have_text("live", timeout=TIMEOUT)


def row_of(page: Page, key: str) -> Locator:
    return page.locator("li", has=page.get_by_text(key, exact=True))


def value_of(client: httpx.Client, key: str) -> bytes | None:
    kvs = call(client, "kv/range", {"key": text(key)}).json().get("kvs", [])
    return b64decode(kvs[0].get("value", "")) if kvs else None


@pytest.mark.parametrize(
    "value",
    [
        b"line1: a\nline2: b\n",
        b"  blanks  ",
        b"\n",
        "a\u2028b\u0085c".encode(),
        b"a\x00b\x1b",
        b"",
    ],
    ids=repr,
)
def test_a_value_that_is_saved_without_an_edit_does_not_change(
    open_page: Open, example: Example, colleague: httpx.Client, value: bytes
) -> None:
    body = {"key": text("kept"), "value": b64encode(value).decode()}
    call(colleague, "kv/put", body)
    page = log_in(open_page, example, "red-writer")
    row = row_of(page, "kept")
    with page.expect_response("**/kv/txn"):
        row.get_by_role("button", name="Save").click()
    expect(page.locator("#message")).to_have_text("")
    assert value_of(colleague, "kept") == value
    call(colleague, "kv/put", {"key": text("kept"), "value": text("later")})
    expect(row.get_by_label("value")).to_have_value("later")


@pytest.mark.parametrize("value", [b"a\r\nb", b"a\rb", b"\xff\x00"], ids=repr)
def test_a_value_that_a_field_would_change_is_not_edited_there(
    open_page: Open, example: Example, colleague: httpx.Client, value: bytes
) -> None:
    call(colleague, "kv/put", {"key": text("odd"), "value": b64encode(value).decode()})
    page = log_in(open_page, example, "red-writer")
    row = row_of(page, "odd")
    expect(row.get_by_label("value")).to_be_disabled()
    expect(row.get_by_role("button", name="Save")).to_be_hidden()
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", name="odd")).to_be_visible()
    assert value_of(colleague, "odd") == value


def test_keys_that_are_no_text_are_rows_of_their_own(
    open_page: Open, example: Example, colleague: httpx.Client
) -> None:
    names = [b"raw\xfe", b"raw\xff"]
    for name in names:
        call(colleague, "kv/put", {"key": b64encode(name).decode(), "value": text(name[-1:].hex())})
    page = log_in(open_page, example, "red-writer")
    rows = page.locator("li", has=page.locator("code", has_text="raw"))
    expect(rows).to_have_count(2)
    rows.nth(1).get_by_label("value").fill("mine")
    with page.expect_response("**/kv/txn"):
        rows.nth(1).get_by_role("button", name="Save").click()
    body = {"key": b64encode(b"raw\xff").decode()}
    [kv] = call(colleague, "kv/range", body).json()["kvs"]
    assert b64decode(kv["value"]) == b"mine"
    for name in names:
        call(colleague, "kv/deleterange", {"key": b64encode(name).decode()})


def test_in_a_conflict_the_users_text_is_kept_beside_the_new_value(
    open_page: Open, example: Example, colleague: httpx.Client
) -> None:
    call(colleague, "kv/put", {"key": text("gate"), "value": text("open")})
    page = log_in(open_page, example, "red-writer")
    row = row_of(page, "gate")
    row.get_by_label("value").fill("mine\nand more")
    call(colleague, "kv/put", {"key": text("gate"), "value": text("theirs")})
    expect(row).to_contain_text("In etcd now: theirs")
    row.get_by_role("button", name="Save", exact=True).click()
    mine = row.get_by_label("Your text")
    expect(mine).to_have_value("mine\nand more")
    expect(row.get_by_label("value")).to_have_value("theirs")
    row.get_by_role("button", name="Save mine instead").click()
    expect(row.get_by_label("value")).to_have_value("mine\nand more")
    expect(mine).to_have_count(0)
    assert value_of(colleague, "gate") == b"mine\nand more"
    call(colleague, "kv/put", {"key": text("gate"), "value": text("later")})
    expect(row.get_by_label("value")).to_have_value("later")


def test_text_outlives_the_deletion_of_its_key(
    open_page: Open, example: Example, colleague: httpx.Client
) -> None:
    call(colleague, "kv/put", {"key": text("brief"), "value": text("here")})
    page = log_in(open_page, example, "red-writer")
    row = row_of(page, "brief")
    row.get_by_label("value").fill("mine")
    call(colleague, "kv/deleterange", {"key": text("brief")})
    expect(row).to_contain_text("It has been deleted")
    expect(row.get_by_label("value")).to_have_value("mine")
    row.get_by_role("button", name="Save").click()
    expect(row).not_to_contain_text("It has been deleted")
    assert value_of(colleague, "brief") == b"mine"


def test_a_deletion_can_be_undone(
    open_page: Open, example: Example, colleague: httpx.Client
) -> None:
    value = b"a\r\nb\xff"
    lease = call(colleague, "lease/grant", {"TTL": 600}).json()["ID"]
    body = {"key": text("lost"), "value": b64encode(value).decode(), "lease": lease}
    call(colleague, "kv/put", body)
    page = log_in(open_page, example, "red-writer")
    row = row_of(page, "lost")
    row.get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)
    assert value_of(colleague, "lost") is None
    page.get_by_role("button", name="Undo").click()
    expect(row).to_have_count(1)
    [kv] = call(colleague, "kv/range", {"key": text("lost")}).json()["kvs"]
    assert (b64decode(kv["value"]), kv["lease"]) == (value, lease)


def test_a_wrong_password_is_told_as_an_error_and_the_name_is_kept(
    open_page: Open, example: Example
) -> None:
    name = "red-writer\"><b>'&"
    page = open_page(example, "/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_have_text("This name and password do not belong together.")
    expect(page.get_by_label("Name")).to_have_value(name)
    expect(page.get_by_label("Password")).to_be_focused()
    expect(page.get_by_label("Password")).to_have_value("")


def test_the_commands_for_another_terminal_change_a_key(
    open_page: Open, example: Example, colleague: httpx.Client, tmp_path: Path
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl on this machine")
    page = log_in(open_page, example, "red-writer")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#copied")).to_have_text("Copied")
    commands = page.evaluate("() => navigator.clipboard.readText()")
    commands = commands.replace("PASSWORD", example.passwords["red-writer"])
    subprocess.run(
        ["sh", "-e", "-c", commands.replace("curl ", "curl -sSf ")], cwd=tmp_path, check=True
    )
    expect(row_of(page, "greeting").get_by_label("value")).to_have_value("hello from curl")


def test_a_module_that_does_not_load_is_told_with_a_way_out(
    open_page: Open, example: Example
) -> None:
    page = open_page(example, "/login")
    page.get_by_label("Name").fill("red-writer")
    page.get_by_label("Password").fill(example.passwords["red-writer"])
    page.route("**/etcd/client.js", lambda route: route.abort())
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("could not be loaded")
    page.unroute("**/etcd/client.js")
    page.get_by_role("button", name="Reload").click()
    expect(page.locator("#state")).to_have_text("live")


def test_thousands_of_keys_are_shown_and_the_last_of_them_can_be_edited(
    open_page: Open, example: Example, colleague: httpx.Client
) -> None:
    for at in range(0, 5050, 100):
        puts = [
            {"request_put": {"key": text(f"zz/{number:05}"), "value": text(str(number))}}
            for number in range(at, at + 100)
        ]
        assert call(colleague, "kv/txn", {"success": puts}).status_code == 200
    page = log_in(open_page, example, "red-writer")
    expect(page.locator("#count")).to_contain_text("5,1")
    last = row_of(page, "zz/05099")
    last.scroll_into_view_if_needed()
    last.get_by_label("value").fill("mine")
    last.get_by_role("button", name="Save").click()
    expect(page.locator("#message")).to_have_text("")
    assert value_of(colleague, "zz/05099") == b"mine"
    assert page.locator("#keys textarea").count() < 1000
    names = page.locator("#keys code:first-of-type").all_text_contents()
    assert [name for name in names if name.startswith("zz/")] == sorted(
        name for name in names if name.startswith("zz/")
    )
    range_end = {"key": text("zz/"), "range_end": text("zz0")}
    call(colleague, "kv/deleterange", range_end)
    expect(page.locator("#count")).not_to_contain_text(",")
