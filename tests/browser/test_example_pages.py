"""The page of the examples: log in, see the team's keys live, edit them, log out."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

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
