"""Draw the explorer's pictures for ``docs/``: in front of a real etcd, by a real browser."""

from __future__ import annotations

import json
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Page, ViewportSize, expect, sync_playwright  # noqa: E402

from etcd_asgi.testing import EtcdServer  # noqa: E402
from tests.browser.chromium import MISSING, environment, find_chromium  # noqa: E402
from tests.browser.explorer import Explorer  # noqa: E402
from tests.browser.outside import Outside  # noqa: E402
from tests.hosts.serving import AppServer  # noqa: E402

SIZE: ViewportSize = {"width": 1180, "height": 700}
MOST_BYTES = 200_000
LEASE_SECONDS = 90

SETTINGS = [
    {"log": "info", "workers": 2, "features": {"beta": False, "limit": 500}},
    {"log": "info", "workers": 4, "features": {"beta": False, "limit": 500}},
    {"log": "info", "workers": 4, "features": {"beta": True, "limit": 9223372036854775807}},
]
HOSTS = ("10.4.0.11:8080", "10.4.0.12:8080", "10.4.0.17:8080")

Draw = Callable[[Explorer, Outside], None]


def main() -> None:
    """Draw all pictures."""
    with ExitStack() as stack:
        etcd = stack.enter_context(EtcdServer())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        site = AppServer(
            "tests.browser.app:app",
            env={"ETCD_URL": etcd.endpoint},
            args=["--timeout-graceful-shutdown=1"],
            log_path=folder / "server.log",
        )
        stack.enter_context(site)
        outside = Outside(etcd)
        _fill(outside)
        for name, draw in PICTURES.items():
            with _page(name, site.url) as page:
                draw(Explorer(page), outside)
                _save(page, name)


def _fill(outside: Outside) -> None:
    lease = outside.call("lease/grant", TTL=LEASE_SECONDS)["ID"]
    for settings in SETTINGS:
        outside.put("config/shop/settings", json.dumps(settings))
    outside.put("config/shop/motd", "Back at nine.")
    outside.put("config/mail/sender", "shop@example.org")
    outside.put("features/new-checkout", "on")
    outside.put("features/dark-mode", "on")
    for number, host in enumerate(HOSTS, 1):
        name, _, port = host.rpartition(":")
        value = {"host": name, "port": int(port), "zone": "ab"[number % 2], "weight": 10 * number}
        outside.put(f"services/web/{host}", json.dumps(value), lease=lease)
    outside.put("services/db/primary", "10.4.1.2:5432")
    puts = [
        {"request_put": {"key": _base64(f"sessions/{number:05}"), "value": _base64("open")}}
        for number in range(120)
    ]
    for _ in range(1, 40):  # a few revisions more look like life
        outside.call("kv/txn", success=puts[:1])
    outside.call("kv/txn", success=puts)


@contextmanager
def _page(scheme: str, url: str) -> Iterator[Page]:
    path = find_chromium()
    if path is None:
        raise SystemExit(MISSING)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--disable-gpu"],
            env=dict(environment()),
        )
        page = chromium.new_page(viewport=SIZE)
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.goto(f"{url}/etcd/explorer/")
        expect(page.locator("#pill")).to_have_text("Live")
        yield page
        chromium.close()


def _service(explorer: Explorer, _outside: Outside) -> None:
    """A value with a lease, in its folder."""
    for row in ("config/", "shop/", "features/", "services/", "web/", HOSTS[1]):
        explorer.row(row).click()
    expect(explorer.page.locator(".ttl")).to_contain_text("left")
    expect(explorer.value).to_contain_text("weight")


def _history(explorer: Explorer, _outside: Outside) -> None:
    """The changes of a key."""
    for row in ("config/", "shop/", "features/", "services/", "web/", "settings"):
        explorer.row(row).click()
    explorer.page.get_by_role("tab", name="History").click()
    expect(explorer.page.get_by_text("The key was created here.")).to_be_visible()


def _conflict(explorer: Explorer, outside: Outside) -> None:
    """Two changes of one key."""
    for row in ("config/", "shop/", "settings"):
        explorer.row(row).click()
    explorer.button("Edit").click()
    explorer.editor.fill(explorer.editor.input_value().replace('"info"', '"debug"'))
    outside.put("config/shop/settings", json.dumps({**SETTINGS[-1], "workers": 8}))
    explorer.button("Save").click()
    expect(explorer.page.get_by_role("group", name="Conflict")).to_be_visible()


PICTURES: Mapping[str, Draw] = {"light": _service, "dark": _history, "conflict": _conflict}


def _save(page: Page, name: str) -> None:
    page.mouse.move(0, 0)
    path = ROOT / "docs" / f"explorer-{name}.png"
    page.screenshot(path=path, animations="disabled")
    if path.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{path} is larger than {MOST_BYTES} bytes")
    print(path.relative_to(ROOT), path.stat().st_size)


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


if __name__ == "__main__":
    main()
