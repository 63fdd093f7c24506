"""Every page in every state, light and dark, wide and narrow: axe-core finds nothing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, expect

from etcd_asgi.testing import EtcdServer
from tests.browser.axe import problems, require_axe
from tests.browser.conftest import TIMEOUT, Open, Serve
from tests.browser.explorer import Explorer, open_explorer
from tests.browser.outside import Outside
from tests.examples.visiting import call, running, text
from tests.hosts.serving import AppServer

LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (1280, 360)]

# How much lighter or darker the borders of fields are than what is on either side of them.
BORDERS = """() => {
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const luminance = (color) => {
    paint.fillStyle = color;
    paint.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...paint.getImageData(0, 0, 1, 1).data].map((part) => part / 255)
      .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    const { backgroundColor } = getComputedStyle(node);
    const isClear = /, 0\\)$|transparent/.test(backgroundColor);
    return isClear ? ground(node.parentElement) : backgroundColor;
  };
  const contrast = (...colors) => {
    const [low, high] = colors.map(luminance).sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  return [...document.querySelectorAll("input:enabled, textarea:enabled")]
    .filter((node) => node.checkVisibility())
    .flatMap((node) => [ground(node), ground(node.parentElement)]
      .map((beside) => contrast(getComputedStyle(node).borderTopColor, beside)));
}"""


@dataclass(slots=True)
class Looker:
    """Looks at pages in all ways, and notes what is wrong."""

    script: str
    found: list[str] = field(default_factory=list)
    states: set[str] = field(default_factory=set)

    def look(self, page: Page, state: str) -> None:
        """Look at the page as it is now."""
        self.states.add(state)
        before = page.viewport_size or {"width": 1280, "height": 720}
        for scheme, width in LOOKS:
            page.emulate_media(
                color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce"
            )
            page.set_viewport_size({"width": width, "height": 740})
            name = f"{state}, {scheme}, {width}"
            self.found += [f"{name}: {problem}" for problem in problems(page, self.script)]
            self.found += [
                f"{name}: a field's border has a contrast of {contrast:.2f}"
                for contrast in page.evaluate(BORDERS)
                if contrast < 3
            ]
            if (wide := page.evaluate("() => document.documentElement.scrollWidth")) > width:
                self.found.append(f"{name}: it is {wide} wide")
        page.set_viewport_size(before)


@pytest.fixture
def looker() -> Iterator[Looker]:
    """Fails the test at its end with all that was found."""
    looker = Looker(require_axe())
    yield looker
    assert not looker.found, "\n".join(looker.found)


def test_the_examples(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, looker: Looker
) -> None:
    for kind in ("fastapi", "django"):
        with running(kind, tmp_path_factory.mktemp(f"{kind}-")) as example:
            context = browser.new_context()
            context.set_default_timeout(TIMEOUT)
            page = context.new_page()
            page.goto(example.url + "/login")
            looker.look(page, f"{kind}: login")
            page.get_by_label("Name").fill("red-writer")
            page.get_by_label("Password").fill("wrong")
            page.get_by_role("button", name="Log in").click()
            expect(page.get_by_role("alert")).to_be_visible()
            looker.look(page, f"{kind}: wrong login")
            page.get_by_label("Password").fill(example.passwords["red-writer"])
            page.get_by_role("button", name="Log in").click()
            expect(page.locator("#state")).to_have_text("live")
            with example.visitor() as colleague:
                example.log_in(colleague, "red-writer")
                call(colleague, "kv/put", {"key": text("a"), "value": text("first")})
                call(colleague, "kv/put", {"key": text("odd"), "value": "/w=="})
                row = page.locator("li", has=page.get_by_text("a", exact=True))
                row.get_by_label("value").fill("mine")
                call(colleague, "kv/put", {"key": text("a"), "value": text("theirs")})
                expect(row).to_contain_text("In etcd now")
                looker.look(page, f"{kind}: changed meanwhile")
                row.get_by_role("button", name="Save", exact=True).click()
                expect(row.get_by_label("Your text")).to_be_visible()
                looker.look(page, f"{kind}: conflict")
            context.close()


def keys_of(outside: Outside, key: str) -> None:
    for value in ("one", "two"):
        outside.put(key + "text", value)
    lease = outside.call("lease/grant", TTL=3600)["ID"]
    outside.put(key + "json", json.dumps({"a": [1, "two", None]}), lease=lease)
    outside.put(key + "hex", b"\x00\xff")
    outside.put(key + "folder/" + "long-folder-name/" * 20 + "leaf", "here")
    outside.put(key + "gone", "one")
    outside.delete(key + "gone")


@pytest.fixture
def explorer(open_page: Open, site: AppServer, outside: Outside, key: str) -> Explorer:
    """The explorer with keys of all kinds."""
    keys_of(outside, key)
    return open_explorer(open_page, site, key)


def go(explorer: Explorer, address: str) -> None:
    """Go to a part of the explorer by its address."""
    explorer.page.goto(f"{explorer.page.url.partition('#')[0]}#{address}")


LONG = "folder/" + "long-folder-name/" * 20 + "leaf"


def test_the_explorer_with_its_keys(explorer: Explorer, key: str, looker: Looker) -> None:
    page = explorer.page
    explorer.row("folder/").click()
    expect(explorer.row("folder/")).to_have_attribute("aria-expanded", "true")
    expect(explorer.row("folder/")).to_have_attribute("aria-description", "1 key")
    looker.look(page, "folder")
    for name in ("json", "hex", LONG, "text"):
        go(explorer, f"key={key}{name}")
        expect(page.locator(".leaf")).to_have_text(name.rpartition("/")[2])
        looker.look(page, name[:10])
    page.get_by_role("tab", name="History").click()
    expect(page.get_by_text("The key was created here.")).to_be_visible()
    looker.look(page, "history")
    page.get_by_role("tab", name="Value").click()
    explorer.button("Delete").click()
    looker.look(page, "delete dialog")


def test_the_explorer_while_one_edits(
    explorer: Explorer, outside: Outside, key: str, looker: Looker
) -> None:
    page = explorer.page
    explorer.edit(key + "text", "mine")
    looker.look(page, "edit")
    outside.put(key + "text", "theirs")
    expect(page.get_by_text("Changed by somebody else")).to_be_visible()
    looker.look(page, "changed while editing")
    explorer.button("Save").click()
    expect(page.get_by_role("group", name="Conflict")).to_be_visible()
    looker.look(page, "conflict")


def test_the_explorer_without_a_key(explorer: Explorer, key: str, looker: Looker) -> None:
    page = explorer.page
    go(explorer, f"key={key}gone")
    expect(page.get_by_text("deleted", exact=True)).to_be_visible()
    looker.look(page, "deleted key")
    go(explorer, f"key={key}never")
    expect(page.get_by_text("etcd has no history of it")).to_be_visible()
    looker.look(page, "no such key")
    page.keyboard.press("n")
    expect(page.get_by_label("Key", exact=True)).to_be_visible()
    looker.look(page, "new key")
    go(explorer, "leases")
    expect(page.locator(".lease").first).to_be_visible()
    looker.look(page, "leases")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    looker.look(page, "help")
    page.keyboard.press("Escape")
    go(explorer, "key=%5C")
    expect(explorer.banner).to_be_visible()
    looker.look(page, "error")
    explorer.search(key + "nothing-begins-so")
    expect(page.get_by_text("No key begins with this.")).to_be_visible()
    looker.look(page, "empty")


def test_the_explorer_when_something_is_missing(
    browser: Browser, serve: Serve, etcd: EtcdServer, outside: Outside, key: str, looker: Looker
) -> None:
    site = serve(etcd, GUARDED="1")
    context = browser.new_context()
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    page.goto(f"{site.url}/etcd/explorer/")
    expect(page.get_by_role("heading", name="Log in first")).to_be_visible()
    looker.look(page, "log in first")
    page.route("**/explorer/diff.js", lambda route: route.abort())
    page.goto(f"{site.url}/bare")
    page.goto(f"{site.url}/etcd/explorer/")
    expect(page.get_by_role("alert").filter(has_text="could not be loaded")).to_be_visible()
    looker.look(page, "module failed")
    page.unroute("**/explorer/diff.js")
    page.goto(f"{site.url}/login/writer")
    outside.put(key + "a", "first")
    page.goto(f"{site.url}/etcd/explorer/#key={key}a")
    explorer = Explorer(page)
    explorer.button("Edit").click()
    explorer.editor.fill("mine")
    site.stop()
    expect(explorer.banner).to_contain_text("The server cannot be reached")
    explorer.button("Save").click()
    expect(page.locator(".failure")).to_contain_text("Not saved")
    looker.look(page, "down")
    context.close()
