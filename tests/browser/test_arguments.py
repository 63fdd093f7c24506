"""What the client module takes, from wherever it comes, and what it refuses."""

import json
import shutil
import subprocess
import tomllib
from base64 import b64decode
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.outside import Outside

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "etcd_asgi" / "browser" / "client.js"

CALLED = """async (call) => {
  try {
    await eval(call);
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}"""


@pytest.fixture
def realm(page: Page) -> Page:
    """The test page, with ``other``: the globals of a frame."""
    page.evaluate(
        """() => {
          document.body.append(document.createElement("iframe"));
          window.other = document.querySelector("iframe").contentWindow;
        }"""
    )
    assert page.evaluate("new other.Uint8Array(1) instanceof Uint8Array") is False
    return page


@pytest.mark.parametrize(
    "given",
    [
        "new other.Uint8Array([0, 1, 255])",
        "new other.Uint8Array([9, 0, 1, 255, 9]).subarray(1, 4)",
        "new other.Uint8Array([0, 1, 255]).buffer",
        "new other.DataView(new other.Uint8Array([9, 0, 1, 255]).buffer, 1)",
        "new Uint8Array([0, 1, 255]).buffer",
        "new DataView(new Uint8Array([9, 0, 1, 255]).buffer, 1)",
        "new (class extends Uint8Array { toJSON() { return 'lost'; } })([0, 1, 255])",
        "new Uint8ClampedArray([0, 1, 255])",
    ],
)
def test_bytes_are_taken_from_every_realm_in_every_form(
    realm: Page, outside: Outside, key: str, given: str
) -> None:
    realm.evaluate(f"async (key) => {{ await etcd.put(key + 'method', {given}); }}", key)
    realm.evaluate(
        f"""(key) =>
          etcd.call("kv/put", {{ key: new TextEncoder().encode(key), value: {given} }})""",
        key + "call",
    )
    assert outside.get(key + "method") == b"\x00\x01\xff"
    assert outside.get(key + "call") == b"\x00\x01\xff"


def test_bytes_that_the_caller_reuses_at_once_are_sent_as_they_were(
    page: Page, outside: Outside, key: str
) -> None:
    page.evaluate(
        """async (key) => {
          const buffer = new TextEncoder().encode("first");
          const put = etcd.put(key, buffer);
          buffer.fill(0);
          await put;
        }""",
        key,
    )
    assert outside.get(key) == b"first"


def test_a_signal_of_another_realm_aborts_a_call_and_a_watch(realm: Page, key: str) -> None:
    script = """async (key) => {
      const stop = new other.AbortController();
      const watch = etcd.watch(key, { signal: stop.signal });
      await watch.ready;
      const held = await etcd.lock(key);
      const waiting = caught(etcd.lock(key, { signal: stop.signal }));
      stop.abort(new other.Error("enough"));
      const error = await waiting;
      await watch.closed;
      await held.unlock();
      return [error.message, watch.state];
    }"""
    assert realm.evaluate(script, key) == ["enough", "closed"]


def test_an_error_of_another_realm_is_told_as_it_is(realm: Page) -> None:
    script = """async () => {
      const failing = async () => { throw new other.TypeError("broken wire"); };
      const error = await caught(new Etcd({ base: "/etcd/v3", fetch: failing }).get("k"));
      const odd = async () => { throw "a string"; };
      return [error, await caught(new Etcd({ base: "/etcd/v3", fetch: odd }).get("k"))];
    }"""
    first, second = realm.evaluate(script)
    assert (first["message"], first["code"]) == ("no connection: broken wire", 14)
    assert (second["message"], second["code"]) == ("no connection: a string", 14)


def test_a_fetch_that_knows_no_signals_is_aborted_all_the_same(page: Page, key: str) -> None:
    """In some test runners ``fetch`` and ``AbortSignal`` are of two makers."""
    script = """async (key) => {
      const [known, real] = [window.Request, window.fetch];
      window.Request = class { constructor() { throw new TypeError("not my signal"); } };
      const picky = async (url, init) => {
        if ("signal" in init) throw new TypeError("not my signal");
        return real(url, init);
      };
      const etcd = new Etcd({ base: "/etcd/v3", fetch: picky });
      const stop = new AbortController();
      const held = await etcd.lock(key);
      const waiting = caught(etcd.lock(key, { signal: stop.signal }));
      const watch = etcd.watch(key, { signal: stop.signal });
      await watch.ready;
      const lease = await etcd.lease(60, { keepAlive: false });
      await lease.refresh();
      stop.abort(new Error("enough"));
      const error = await waiting;
      await watch.closed;
      await held.unlock();
      window.Request = known;
      return [error.message, watch.state, (await etcd.put(key, "x")).type];
    }"""
    assert page.evaluate(script, key) == ["enough", "closed", "put"]


def test_two_copies_of_the_module_know_each_others_errors_leases_and_operations(
    page: Page, outside: Outside, key: str
) -> None:
    outside.put(key, "there")
    script = """async (key) => {
      const copy = await import("/etcd/client.js?copy");
      const error = await etcd.put(key, "x", { ifRevision: 0 }).catch((error) => error);
      const lease = await etcd.lease(60, { keepAlive: false });
      const other = new copy.Etcd();
      await other.put(key + "leased", "x", { lease });
      const parts = { if: [compare.exists(key)], then: [op.put(key, "both")] };
      const { succeeded } = await other.txn(parts);
      class Own extends EtcdError {}
      return [
        copy.EtcdError !== EtcdError,
        error instanceof copy.EtcdError,
        error instanceof copy.Conflict,
        new copy.EtcdError("x", 5) instanceof EtcdError,
        new copy.EtcdError("x", 5) instanceof Conflict,
        error instanceof Own,
        new Own("x", 5) instanceof Own && new Own("x", 5) instanceof copy.EtcdError,
        null instanceof EtcdError || {} instanceof EtcdError || new Error() instanceof EtcdError,
        succeeded,
        (await other.get(key + "leased")).lease === lease.id,
      ];
    }"""
    expected = [True, True, True, True, False, False, True, False, True, True]
    assert page.evaluate(script, key) == expected
    assert outside.get(key) == b"both"


@pytest.mark.parametrize(
    ("call", "method", "option"),
    [
        ("new Etcd({ bsae: '/etcd/v3' })", "Etcd", "bsae"),
        ("etcd.get('k', { revison: 3 })", "get", "revison"),
        ("etcd.list('k', { revison: 3 })", "list", "revison"),
        ("etcd.list('k', { order: { by: 'key', descend: true } })", "order", "descend"),
        ("(async () => etcd.scan('k', { keyOnly: true }))()", "scan", "keyOnly"),
        ("etcd.put('k', 'v', { ifrevision: 0 })", "put", "ifrevision"),
        ("etcd.delete('k', { perfix: true })", "delete", "perfix"),
        ("etcd.txn({ iff: [] })", "txn", "iff"),
        ("etcd.watch('k', { onchange() {} })", "watch", "onchange"),
        ("etcd.lease(60, { keepalive: false })", "lease", "keepalive"),
        ("etcd.leases({ limit: 1 })", "leases", "limit"),
        ("etcd.leaseInfo(1, { key: true })", "leaseInfo", "key"),
        ("etcd.revoke(1, { Signal: null })", "revoke", "Signal"),
        ("etcd.lock('k', { timeout: 5 })", "lock", "timeout"),
        ("etcd.grant({ user: 'x' })", "grant", "user"),
        ("etcd.call('kv/range', {}, { timeout: 5 })", "call", "timeout"),
        ("op.get('k', { signal: undefined })", "op.get", "signal"),
        ("op.list('k', { pageSize: 5 })", "op.list", "pageSize"),
        ("op.put('k', 'v', { ifRevision: 0 })", "op.put", "ifRevision"),
        ("op.delete('k', { ifRevision: 0 })", "op.delete", "ifRevision"),
        ("op.txn({ otherwise: [] })", "op.txn", "otherwise"),
    ],
)
def test_an_option_that_does_not_exist_is_an_error_that_names_the_known_ones(
    page: Page, call: str, method: str, option: str
) -> None:
    found = page.evaluate(CALLED, call)
    assert found.startswith(f'TypeError: {method} has no option "{option}"; it has ')
    known = found.partition("it has ")[2].split(", ")
    assert len(known) >= 1
    assert option not in known


def test_leases_and_locks_know_their_options_too(page: Page, key: str) -> None:
    script = """async (key) => {
      const lock = await etcd.lock(key);
      const { lease } = lock;
      const wrong = { timeout: 1 };
      const calls = [lease.refresh(wrong), lease.revoke(wrong), lock.unlock(wrong)];
      const found = (await Promise.all(calls.map(caught))).map((error) => error.message);
      const held = !lock.signal.aborted && (await etcd.get(lock.keyBytes)) !== null;
      await lock.unlock();
      return [found, held];
    }"""
    messages, held = page.evaluate(script, key)
    for name, message in zip(("refresh", "revoke", "unlock"), messages, strict=True):
        assert message == f'{name} has no option "timeout"; it has signal'
    assert held, "a refused call has no effect"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            "etcd.watch()",
            "target must be a key, { key }, { prefix } or { from, to }, not undefined",
        ),
        ("etcd.watch({})", "target must be a key, { key }, { prefix } or { from, to }"),
        ("etcd.watch({ from: 'a' })", "{ from }"),
        ("etcd.watch({ key: 'a', prefix: 'b' })", "{ key, prefix }"),
        ("etcd.watch({ Prefix: 'b' })", "{ Prefix }"),
        ("etcd.watch('k', { only: 'puts' })", "only must be one of put, delete"),
        ("etcd.watch('k', { list: 'values' })", "list must be one of entries, keys, none"),
        ("etcd.watch('k', { onChange: 'show' })", "onChange must be a function, not string"),
        ("etcd.list('k', { order: { by: 'name' } })", "order.by must be one of key, version"),
        ("etcd.list('k', { order: {} })", "order.by must be one of"),
        ("etcd.get('k', new AbortController().signal)", "{ signal }"),
        ("etcd.get('k', { signal: 5 })", "signal must be an AbortSignal, not number"),
        ("etcd.get('k', null)", "options must be an object, not null"),
        ("etcd.get('k', 5)", "options must be an object, not number"),
        ("etcd.get()", "key must be a string, a Uint8Array or another buffer, not undefined"),
        (
            "etcd.put('k', { a: 'secret' })",
            "value must be a string, a Uint8Array or another buffer",
        ),
        ("etcd.put('k', { [Symbol.toStringTag]: 'ArrayBuffer' })", "value must be a string"),
        ("new Etcd({ base: 'http://' })", "is `base` right?"),
        ("new Etcd({ base: 'file:///home/page/v3' })", "is `base` right?"),
        ("new Etcd({ base: '/nothing/v3' }).get('k')", "/nothing/v3/kv/range: is `base` right?"),
        ("new Etcd({ base: '/bare' }).get('k')", "/bare/kv/range: is `base` right?"),
    ],
)
def test_a_wrong_argument_is_told_with_what_was_expected(page: Page, call: str, words: str) -> None:
    found = page.evaluate(CALLED, call)
    assert words in found
    assert "secret" not in found


def test_a_page_of_another_server_in_place_of_json_asks_for_the_base(page: Page) -> None:
    page.route(
        "**/spa/v3/**",
        lambda route: route.fulfill(content_type="text/html", body="<!doctype html>"),
    )
    found = page.evaluate(CALLED, "new Etcd({ base: '/spa/v3' }).get('k')")
    assert "no JSON but text/html at " in found
    assert found.endswith("is `base` right?")


def test_etcds_own_not_found_does_not_doubt_the_base(page: Page) -> None:
    found = page.evaluate(CALLED, "etcd.revoke(12345)")
    assert "lease not found" in found
    assert "base" not in found


def test_json_of_results_has_64_bit_integers_as_strings(
    page: Page, outside: Outside, key: str
) -> None:
    script = """async (key) => {
      const lease = await etcd.lease(60, { id: 2n ** 62n + 1n, keepAlive: false });
      const watch = etcd.watch({ prefix: key }, { initial: true, previous: true });
      const reset = (await watch.next()).value;
      const put = await etcd.put(key + "text", "grün", { lease, previous: true });
      const { value: change } = await watch.next();
      const name = new Uint8Array([...new TextEncoder().encode(key), 255]);
      await etcd.put(name, new Uint8Array([0, 255]));
      const { value: odd } = await watch.next();
      watch.close();
      const all = [
        await etcd.get(key + "text"), odd.entry, change, odd, reset, put, await etcd.list(key),
        await etcd.txn({ then: [op.get(key + "text"), op.delete(key, { prefix: true })] }),
        await etcd.leaseInfo(lease.id, { keys: true }), lease,
      ];
      await lease.revoke();
      return JSON.stringify(all);
    }"""
    entry, odd, change, odd_change, reset, put, page_, txn, info, lease = json.loads(
        page.evaluate(script, key)
    )
    lease_id = str(2**62 + 1)
    assert entry == {
        "key": key + "text",
        "value": "grün",
        "createRevision": put["revision"],
        "modRevision": put["revision"],
        "version": "1",
        "lease": lease_id,
    }
    assert (odd["bytes"], odd["value"]) == ("AP8=", "\0\ufffd")
    assert b64decode(odd["keyBytes"]) == key.encode() + b"\xff"
    assert (change["revision"], change["entry"], "keyBytes" in change) == (
        put["revision"],
        entry,
        False,
    )
    assert odd_change["keyBytes"] == odd["keyBytes"]
    assert (reset["type"], reset["entries"], put["type"]) == ("reset", [], "put")
    assert (page_["count"], page_["entries"][0]) == ("2", entry)
    assert txn["results"][1]["deleted"] == "2"
    assert txn["results"][0]["entries"] == [entry]
    assert (info["id"], info["keys"]) == (lease_id, [])
    assert lease["id"] == lease_id


def test_the_version_of_the_module_is_that_of_the_package(page: Page) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert page.evaluate("client.VERSION") == project["version"]


@pytest.mark.parametrize("options", ["", "{ base: '/etcd/v3' }"])
def test_outside_of_a_page_the_module_says_that_it_must_be_told_the_base(
    tmp_path: Path, options: str
) -> None:
    if (node := shutil.which("node")) is None:
        pytest.skip("there is no Node.js on this machine")
    script = tmp_path / "script.mjs"
    shutil.copy(CLIENT, tmp_path / "client.mjs")
    script.write_text(
        "import { Etcd } from './client.mjs';\n"
        f"try {{ new Etcd({options}); }} catch (error) {{ console.log(String(error)); }}\n"
    )
    done = subprocess.run([node, script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("TypeError: ")
    assert "is `base` right?" in done.stdout
    assert "https://" in done.stdout
