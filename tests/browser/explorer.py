"""The explorer as its user sees it."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

from tests.browser.conftest import Open
from tests.browser.outside import Outside
from tests.hosts.serving import AppServer


@dataclass(frozen=True, slots=True)
class Explorer:
    """The page with the explorer."""

    page: Page
    refused: list[str] = field(default_factory=list)
    """What the content security policy had to refuse; it should never have to."""

    @property
    def tree(self) -> Locator:
        """The tree of keys."""
        return self.page.get_by_role("tree", name="Keys")

    @property
    def value(self) -> Locator:
        """The value that is shown."""
        return self.page.locator("pre.value:not(.side pre)")

    @property
    def editor(self) -> Locator:
        """The field in which a value is edited."""
        return self.page.get_by_role("textbox", name="Value")

    @property
    def state(self) -> Locator:
        """Whether the page is live."""
        return self.page.locator("#pill")

    @property
    def banner(self) -> Locator:
        """What went wrong."""
        return self.page.locator("#banner")

    def row(self, name: str) -> Locator:
        """The row of a key, or of a folder, whose name ends in ``/``."""
        return self.page.get_by_role("treeitem", name=name, exact=True)

    def names(self) -> list[str]:
        """The names of all rows in sight, from the top."""
        rows = self.page.get_by_role("treeitem").all()
        return [row.get_attribute("aria-label") or "" for row in rows]

    def button(self, name: str) -> Locator:
        """A button by its name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def search(self, prefix: str) -> None:
        """Show only the keys that begin so."""
        self.page.get_by_role("searchbox").fill(prefix)
        self.page.keyboard.press("Enter")
        expect(self.state).to_have_text("Live")

    def show(self, key: str) -> None:
        """Show a key that is beside others in the folder that was searched for."""
        self.row(key.rpartition("/")[2]).click()
        expect(self.page.get_by_role("article")).to_be_visible()

    def edit(self, key: str, value: str) -> None:
        """Begin to edit a key, and do not save it yet."""
        self.show(key)
        self.button("Edit").click()
        self.editor.fill(value)


def open_explorer(open_page: Open, site: AppServer, prefix: str = "") -> Explorer:
    """A new visitor's explorer, with the keys that begin with *prefix*."""
    explorer = Explorer(open_page(site, "/bare"))

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            explorer.refused.append(message.text)

    explorer.page.on("console", note)
    explorer.page.goto(f"{site.url}/etcd/explorer/")
    expect(explorer.state).to_have_text("Live")
    if prefix:
        explorer.search(prefix)
    return explorer


def put_many(outside: Outside, keys: list[str]) -> None:
    """Set many keys, a hundred at a time, each to its own name."""
    for at in range(0, len(keys), 100):
        names = [b64encode(key.encode()).decode() for key in keys[at : at + 100]]
        puts = [{"request_put": {"key": name, "value": name}} for name in names]
        outside.call("kv/txn", success=puts)
