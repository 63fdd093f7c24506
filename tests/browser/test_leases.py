"""Leases and locks from a page."""

from playwright.sync_api import Page, Response

from tests.browser.conftest import Open, start
from tests.browser.outside import Outside
from tests.hosts.serving import AppServer, until

LEASE = """async ([key, ttl]) => {
  window.lost = [];
  window.lease = await etcd.lease(ttl, { onLost: (error) => lost.push(error.code) });
  await etcd.put(key, "x", { lease });
  return String(lease.id);
}"""

LOCK = """async ([name, ttl]) => {
  window.lost = [];
  window.lock = await etcd.lock(name, { ttl, onLost: (error) => lost.push(error.code) });
  return lock.key;
}"""

WAIT_FOR_LOCK = """(name) => {
  window.stop = new AbortController();
  window.waiting = etcd.lock(name, { signal: stop.signal });
  waiting.then((lock) => { window.lock = lock; }, (error) => { window.failed = error.message; });
}"""


def renewals(page: Page) -> list[Response]:
    """The answers to renewals from now on."""
    found: list[Response] = []

    def note(response: Response) -> None:
        if response.url.endswith("/lease/keepalive") and response.status == 200:
            found.append(response)

    page.on("response", note)
    return found


def wait(page: Page, count: int, found: list[Response]) -> None:
    """Wait for so many renewals."""
    until(lambda: page.evaluate("1") and len(found) >= count, f"{count} renewals")


def queued(outside: Outside, name: str) -> int:
    """How many hold the lock or wait for it."""
    return sum(name in key for key in outside.all_keys())


def test_a_lease_is_kept_alive_until_it_is_revoked(page: Page, outside: Outside, key: str) -> None:
    found = renewals(page)
    page.evaluate(LEASE, [key, 5])
    wait(page, 4, found)  # longer than it lives by itself
    assert outside.get(key) == b"x"
    page.evaluate("lease.revoke()")
    assert outside.get(key) is None
    page.evaluate("lease.revoke()")
    assert page.evaluate("[lost, lease.signal.aborted]") == [[], False]


def test_a_lease_that_another_revoked_is_lost(page: Page, outside: Outside, key: str) -> None:
    lease = int(page.evaluate(LEASE, [key, 9]))
    outside.revoke(lease)
    page.wait_for_function("lease.signal.aborted")
    assert page.evaluate("[lost, lease.signal.reason.code]") == [[5], 5]
    assert page.evaluate("caught(lease.refresh())")["code"] == 5


def test_a_lease_that_cannot_be_renewed_is_lost(
    open_page: Open, fragile: AppServer, key: str
) -> None:
    page = open_page(fragile)
    page.evaluate(LEASE, [key, 3])
    fragile.process.kill()
    try:
        page.wait_for_function("lease.signal.aborted")
        assert page.evaluate("lost") == [14]
    finally:
        start(fragile)


def test_a_lease_outlives_a_restart_of_the_gateway(
    open_page: Open, fragile: AppServer, behind: Outside, key: str
) -> None:
    page = open_page(fragile)
    page.evaluate(LEASE, [key, 30])
    fragile.process.kill()
    start(fragile)
    wait(page, 1, renewals(page))
    assert (page.evaluate("lost"), behind.get(key)) == ([], b"x")
    page.evaluate("lease.revoke()")


def test_a_lease_may_be_left_to_run_out(page: Page, key: str) -> None:
    script = """async (key) => {
      const lease = await etcd.lease(5, { keepAlive: false });
      await etcd.put(key, "x", { lease });
      await lease.refresh();
      while (await etcd.get(key)) await new Promise((resolve) => setTimeout(resolve, 50));
      return [(await etcd.leaseInfo(lease.id)).ttl, lease.signal.aborted];
    }"""
    assert page.evaluate(script, key) == [-1, False]


def test_a_lock_is_held_by_one_at_a_time(
    open_page: Open, site: AppServer, outside: Outside, key: str
) -> None:
    first, second = open_page(site), open_page(site)
    held = first.evaluate(LOCK, [key, 60])
    assert held.startswith(key)
    assert outside.get(held) == b""
    second.evaluate(WAIT_FOR_LOCK, key)
    until(lambda: queued(outside, key) == 2, "the second waits")
    assert second.evaluate("!window.lock")
    first.evaluate("lock.unlock()")
    second.wait_for_function("window.lock")
    assert outside.get(held) is None
    second.evaluate("lock.unlock()")
    assert queued(outside, key) == 0


def test_who_gives_up_waiting_leaves_the_queue(
    open_page: Open, site: AppServer, outside: Outside, key: str
) -> None:
    first, second = open_page(site), open_page(site)
    first.evaluate(LOCK, [key, 60])
    second.evaluate(WAIT_FOR_LOCK, key)
    until(lambda: queued(outside, key) == 2, "the second waits")
    second.evaluate("stop.abort(new Error('enough'))")
    second.wait_for_function("window.failed === 'enough'")
    until(lambda: queued(outside, key) == 1, "the second waits no more")
    first.evaluate("lock.unlock()")


def test_a_holder_that_vanishes_gives_the_lock_up(
    open_page: Open, site: AppServer, key: str
) -> None:
    first, second = open_page(site), open_page(site)
    first.evaluate(LOCK, [key, 5])
    second.evaluate(WAIT_FOR_LOCK, key)
    first.close()
    second.wait_for_function("window.lock")
    second.evaluate("lock.unlock()")


def test_who_waits_for_a_lock_outlives_a_restart_of_the_gateway(
    open_page: Open, fragile: AppServer, behind: Outside, key: str
) -> None:
    first, second = open_page(fragile), open_page(fragile)
    first.evaluate(LOCK, [key, 60])
    second.evaluate(WAIT_FOR_LOCK, key)
    until(lambda: queued(behind, key) == 2, "the second waits")
    fragile.process.kill()
    start(fragile)
    first.evaluate("lock.unlock()")
    second.wait_for_function("window.lock")
    second.evaluate("lock.unlock()")


def test_a_lock_whose_lease_is_gone_is_lost(page: Page, outside: Outside, key: str) -> None:
    page.evaluate(LOCK, [key, 9])
    outside.revoke(int(page.evaluate("String(lock.lease.id)")))
    page.wait_for_function("lock.signal.aborted")
    assert page.evaluate("lost") == [5]
    script = "etcd.txn({ if: [compare.exists(lock.keyBytes)] }).then((txn) => txn.succeeded)"
    assert page.evaluate(script) is False
