"""EventSource: a watch with what browsers have built in, which comes back by itself."""

import pytest
from playwright.sync_api import Page

from etcd_asgi.testing import EtcdServer
from tests.browser.conftest import Open, start
from tests.browser.outside import Outside
from tests.hosts.serving import AppServer

LISTEN = """async (query) => {
  Object.assign(window, { seen: [], told: [] });
  window.source = new EventSource("/etcd/v3/watch?" + new URLSearchParams(query));
  source.addEventListener("change", ({ data }) => {
    for (const { type = "PUT", kv } of JSON.parse(data).events) {
      seen.push(`${type} ${kv.key} ${kv.value ?? ""}`.trim());
    }
  });
  for (const type of ["created", "compacted"]) {
    source.addEventListener(type, ({ data, lastEventId }) => {
      told.push([type, lastEventId, JSON.parse(data).compact_revision ?? ""]);
    });
  }
  while (!told.length) await new Promise((resolve) => setTimeout(resolve, 10));
}"""


def seen(page: Page, count: int) -> list[str]:
    """The changes so far, when there are as many as expected."""
    page.wait_for_function("(count) => seen.length >= count", arg=count)
    found: list[str] = page.evaluate("seen")
    return found


@pytest.fixture
def listener(open_page: Open, fragile: AppServer, key: str) -> Page:
    """A page that listens to the keys under ``key``."""
    page = open_page(fragile)
    page.evaluate(LISTEN, {"prefix": key, "text": "1"})
    return page


def test_changes_are_events_with_the_revision_as_their_id(
    listener: Page, behind: Outside, key: str
) -> None:
    listener.evaluate(
        "source.addEventListener('change', (event) => { window.last = event.lastEventId; })"
    )
    behind.put(key + "a", "grün")
    assert seen(listener, 1) == [f"PUT {key}a grün"]
    revision = behind.delete(key + "a")
    assert seen(listener, 2)[1] == f"DELETE {key}a"
    assert listener.evaluate("last") == str(revision)


def test_a_restart_of_the_gateway_loses_and_repeats_nothing(
    listener: Page, fragile: AppServer, behind: Outside, key: str
) -> None:
    for number in range(10):
        behind.put(key, str(number))
    fragile.process.kill()
    for number in range(10, 20):
        behind.put(key, str(number))
    start(fragile)
    for number in range(20, 30):
        behind.put(key, str(number))
    assert seen(listener, 30) == [f"PUT {key} {number}" for number in range(30)]


def test_restarts_of_etcd_lose_and_repeat_nothing(
    listener: Page, fragile_etcd: EtcdServer, behind: Outside, key: str
) -> None:
    for number in range(30):
        if number in (10, 20):
            fragile_etcd.kill()
            fragile_etcd.restart()
        behind.put(key, str(number))
    assert seen(listener, 30) == [f"PUT {key} {number}" for number in range(30)]


def test_history_that_is_gone_is_told(
    listener: Page, fragile: AppServer, behind: Outside, key: str
) -> None:
    behind.put(key, "1")
    seen(listener, 1)
    fragile.process.kill()
    behind.put(key, "2")
    last = behind.put(key, "3")
    behind.compact(last)
    start(fragile)
    listener.wait_for_function("told.some(([type]) => type === 'compacted')")
    listener.evaluate("source.close()")
    [revision] = [told[2] for told in listener.evaluate("told") if told[0] == "compacted"]
    assert int(revision) == last
