"""Watches from a page, and what they live through."""

import shutil

import pytest
from playwright.sync_api import Page, Request

from etcd_asgi.testing import EtcdServer
from tests.browser.conftest import Open, start
from tests.browser.outside import Outside
from tests.hosts.serving import AppServer, until

WATCH = """async ([prefix, options]) => {
  Object.assign(window, { seen: [], states: [], errors: [] });
  window.watch = etcd.watch({ prefix }, {
    ...options,
    onChange: (change) => { seen.push(short(change)); },
    onState: (state) => { states.push(state); },
    onError: (error) => { errors.push([error.name, error.code]); },
  });
  await watch.ready;
}"""

COUNTED = """async (prefix) => {
  window.heard = "";
  const decoder = new TextDecoder();
  const counted = async (...request) => {
    const { body, status, headers } = await fetch(...request);
    const count = new TransformStream({
      transform(chunk, out) {
        window.heard += decoder.decode(chunk, { stream: true });
        out.enqueue(chunk);
      },
    });
    return new Response(body.pipeThrough(count), { status, headers });
  };
  window.etcd = new Etcd({ base: etcd.base, fetch: counted });
}"""


def watched(page: Page, prefix: str, **options: object) -> None:
    page.evaluate(WATCH, [prefix, options])


def seen(page: Page, count: int) -> list[str]:
    """What the watch has given, when it is as much as expected."""
    page.wait_for_function("(count) => seen.length >= count", arg=count)
    found: list[str] = page.evaluate("seen")
    return found


def in_state(page: Page, state: str) -> None:
    page.wait_for_function("(state) => watch.state === state", arg=state)


def test_changes_come_one_by_one_to_a_loop(page: Page, key: str) -> None:
    found = page.evaluate(
        """async (prefix) => {
          const watch = etcd.watch({ prefix }, { previous: true });
          await watch.ready;
          await etcd.put(prefix + "a", "1");
          await etcd.put(prefix + "a", "2");
          await etcd.delete(prefix + "a");
          const items = [];
          for await (const change of watch) {
            items.push([short(change), change.previous?.value ?? null]);
            if (items.length === 3) break;
          }
          await watch.closed;
          return [items, watch.state, await watch.next()];
        }""",
        key,
    )
    put, name = f"put {key}a", f"delete {key}a"
    assert found == [
        [[f"{put} 1", None], [f"{put} 2", "1"], [name, "2"]],
        "closed",
        {"done": True, "value": None},
    ]


def test_changes_come_to_a_callback_until_it_is_closed(
    page: Page, outside: Outside, key: str
) -> None:
    watched(page, key)
    outside.put(key + "a", "1")
    assert seen(page, 1) == [f"put {key}a 1"]
    page.evaluate("watch.close()")
    in_state(page, "closed")
    page.evaluate("watch.closed")
    assert page.evaluate("states") == ["live", "closed"]


def test_one_key_a_range_and_one_kind_of_change_are_watched(page: Page, key: str) -> None:
    found = page.evaluate(
        """async (prefix) => {
          const [a, b, c] = ["a", "b", "c"].map((name) => prefix + name);
          const { revision: from } = await etcd.put(a, "1");
          await etcd.put(b, "2");
          await etcd.put(c, "3");
          await etcd.delete(b);
          await etcd.delete(a);
          const first = async (target, options) => {
            const watch = etcd.watch(target, { from, ...options });
            for await (const change of watch) return short(change);
          };
          return Promise.all([
            first(b), first({ key: c }), first({ from: b, to: c }),
            first({ prefix }, { only: "delete" }), first({ prefix: "" }), first(a, { only: "put" }),
          ]);
        }""",
        key,
    )
    a, b, c = (key + name for name in "abc")
    assert found == [
        f"put {b} 2",
        f"put {c} 3",
        f"put {b} 2",
        f"delete {b}",
        f"put {a} 1",
        f"put {a} 1",
    ]


def test_a_watch_begins_with_what_there_is(page: Page, outside: Outside, key: str) -> None:
    page.evaluate(
        """async (prefix) => {
          for (let at = 0; at < 1200; at += 100) {
            const numbers = Array.from({ length: 100 }, (_, index) => String(at + index));
            const names = numbers.map((number) => number.padStart(4, "0"));
            await etcd.txn({ then: names.map((name) => op.put(prefix + name, name)) });
          }
        }""",
        key,
    )
    watched(page, key, initial=True)
    outside.put(key + "later", "x")
    first, second = seen(page, 2)
    assert first == "reset initial " + ",".join(f"{key}{number:04}" for number in range(1200))
    assert second == f"put {key}later x"


def test_a_reset_may_bring_keys_alone_or_nothing(page: Page, key: str) -> None:
    found = page.evaluate(
        """async (prefix) => {
          const { revision } = await etcd.put(prefix, "x");
          const first = async (list) => {
            const watch = etcd.watch({ prefix }, { initial: true, list });
            for await (const change of watch) return change;
          };
          const [keys, none] = [await first("keys"), await first("none")];
          const [{ key, value }] = keys.entries;
          return [key, value, none.entries, none.revision >= revision];
        }""",
        key,
    )
    assert found == [key, "", [], True]


def test_a_loop_that_is_left_early_leaves_no_request_behind(page: Page, key: str) -> None:
    open_requests: set[Request] = set()

    def begun(request: Request) -> None:
        open_requests.add(request)

    def over(request: Request) -> None:
        open_requests.discard(request)

    page.on("request", begun)
    page.on("requestfinished", over)
    page.on("requestfailed", over)
    page.evaluate(
        """async (prefix) => {
          const { revision: from } = await etcd.put(prefix, "x");
          for await (const change of etcd.watch({ prefix }, { from })) break;
          const stop = new AbortController();
          const watch = etcd.watch({ prefix }, { signal: stop.signal, onChange: () => {} });
          await watch.ready;
          stop.abort();
          await watch.closed;
          etcd.watch({ prefix }).close();
          const unread = etcd.watch({ prefix });
          await unread.ready;
          unread.close();
          await unread.closed;
          try {
            for await (const change of etcd.watch({ prefix }, { from })) throw new Error("left");
          } catch {}
        }""",
        key,
    )
    until(lambda: page.evaluate("1") and not open_requests, "all requests are over")


def test_a_callback_that_throws_ends_the_watch_and_is_told(
    page: Page, outside: Outside, key: str
) -> None:
    page.evaluate(
        """async (prefix) => {
          window.told = new Promise((resolve) => {
            window.watch = etcd.watch({ prefix }, {
              onChange: () => { throw new RangeError("mine"); }, onError: resolve,
            });
          });
          await watch.ready;
        }""",
        key,
    )
    outside.put(key)
    assert page.evaluate("told.then((error) => error.name)") == "RangeError"
    assert page.evaluate("caught(watch.closed)")["name"] == "RangeError"


def test_a_watch_that_etcd_refuses_ends_with_its_reason(page: Page, key: str) -> None:
    script = "(key) => caught(new Etcd({ base: '/etcd/v4' }).watch(key).next())"
    assert page.evaluate(script, key)["code"] == 5


@pytest.mark.parametrize("ending", ["killed", "in order"])
def test_a_restart_of_the_gateway_loses_and_repeats_nothing(
    open_page: Open, fragile: AppServer, behind: Outside, key: str, ending: str
) -> None:
    page = open_page(fragile)
    watched(page, key)
    for number in range(20):
        behind.put(f"{key}{number % 3}", str(number))
    if ending == "killed":
        fragile.process.kill()
    else:
        fragile.stop()
    in_state(page, "retrying")
    for number in range(20, 40):
        behind.put(f"{key}{number % 3}", str(number))
    start(fragile)
    for number in range(40, 60):
        behind.put(f"{key}{number % 3}", str(number))
    assert seen(page, 60) == [f"put {key}{number % 3} {number}" for number in range(60)]
    in_state(page, "live")


def test_restarts_of_etcd_lose_and_repeat_nothing(
    open_page: Open, fragile: AppServer, fragile_etcd: EtcdServer, behind: Outside, key: str
) -> None:
    page = open_page(fragile)
    watched(page, key)
    for number in range(30):
        if number in (10, 20):
            fragile_etcd.kill()
            in_state(page, "retrying")
            fragile_etcd.restart()
        behind.put(key, str(number))
    assert seen(page, 30) == [f"put {key} {number}" for number in range(30)]


def test_a_network_that_is_away_loses_and_repeats_nothing(
    page: Page, outside: Outside, key: str
) -> None:
    watched(page, key)
    outside.put(key, "before")
    seen(page, 1)
    page.evaluate("window.lost = new Etcd({ base: etcd.base })")
    page.context.set_offline(True)
    outside.put(key, "meanwhile")
    page.context.set_offline(False)
    outside.put(key, "after")
    assert seen(page, 3) == [f"put {key} {word}" for word in ("before", "meanwhile", "after")]


def test_history_that_is_gone_is_a_reset(
    open_page: Open, fragile: AppServer, behind: Outside, key: str
) -> None:
    page = open_page(fragile)
    watched(page, key)
    behind.put(key + "a", "1")
    behind.put(key + "b", "1")
    seen(page, 2)
    fragile.process.kill()
    behind.delete(key + "a")
    behind.put(key + "b", "2")
    behind.compact(behind.put(key + "c", "1"))
    start(fragile)
    assert seen(page, 3)[2:] == [f"reset compacted {key}b,{key}c"]
    behind.put(key + "d", "1")
    assert seen(page, 4)[3:] == [f"put {key}d 1"]


def test_a_revision_that_is_gone_at_the_start_is_a_reset(
    page: Page, outside: Outside, key: str
) -> None:
    first = outside.put(key, "1")
    outside.compact(outside.put(key, "2"))
    watched(page, key, **{"from": first})
    assert seen(page, 1) == [f"reset compacted {key}"]


def test_an_etcd_with_other_data_is_a_reset(
    open_page: Open, fragile: AppServer, fragile_etcd: EtcdServer, behind: Outside, key: str
) -> None:
    page = open_page(fragile)
    watched(page, key)
    for number in range(5):
        behind.put(key, str(number))
    seen(page, 5)
    fragile_etcd.kill()
    shutil.rmtree(fragile_etcd.data_dir)
    fragile_etcd.restart()
    behind.put(key + "new", "x")
    changes = seen(page, 6)[5:]
    assert changes[0].startswith("reset replaced")
    page.wait_for_function("(key) => seen.some((item) => item.includes(key))", arg=key + "new")


def test_reports_of_progress_move_the_place_to_go_on_at(
    open_page: Open, fragile: AppServer, behind: Outside, key: str
) -> None:
    page = open_page(fragile)
    page.evaluate(COUNTED, key)
    watched(page, key)
    for number in range(5):
        last = behind.put("elsewhere", str(number))
    behind.compact(last)
    page.wait_for_function('(revision) => heard.includes(`"revision":"${revision}"`)', arg=last)
    # The module reads after the page: with one report more it has read that one.
    heard = page.evaluate("heard.length")
    page.wait_for_function("(length) => heard.length > length", arg=heard)
    fragile.process.kill()
    start(fragile)
    behind.put(key, "x")
    assert seen(page, 1) == [f"put {key} x"]


def test_a_connection_that_has_died_in_silence_is_made_anew(
    open_page: Open, fragile: AppServer, behind: Outside, key: str
) -> None:
    page = open_page(fragile)
    watched(page, key, stallTimeout=1000)
    in_state(page, "live")
    fragile.process.pause()
    try:
        in_state(page, "retrying")
        behind.put(key, "meanwhile")
    finally:
        fragile.process.resume()
    assert seen(page, 1) == [f"put {key} meanwhile"]
