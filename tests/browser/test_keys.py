"""Keys and values from a page: get, list, put, delete, transactions."""

import pytest
from playwright.sync_api import Page

from etcd_asgi.testing import EtcdServer
from tests.browser.conftest import Open, Serve
from tests.browser.outside import Outside


def test_what_is_put_is_got_as_text(page: Page, outside: Outside, key: str) -> None:
    found = page.evaluate(
        """async (key) => {
          await etcd.put(key, "grün");
          const { key: name, value, version, isText, lease } = await etcd.get(key);
          return { name, value, version, isText, lease };
        }""",
        key,
    )
    assert found == {"name": key, "value": "grün", "version": 1, "isText": True, "lease": 0}
    assert outside.get(key) == "grün".encode()


def test_what_is_not_there_is_null(page: Page, key: str) -> None:
    assert page.evaluate("(key) => etcd.get(key)", key) is None


def test_every_byte_survives(page: Page, outside: Outside, key: str) -> None:
    found = page.evaluate(
        """async (key) => {
          await etcd.put(key, Uint8Array.from({ length: 256 }, (_, index) => index));
          const { bytes, isText } = await etcd.get(key);
          return { bytes: Array.from(bytes), isText };
        }""",
        key,
    )
    assert found == {"bytes": list(range(256)), "isText": False}
    assert outside.get(key) == bytes(range(256))


def test_a_key_of_any_bytes_is_written_read_and_deleted(page: Page, key: str) -> None:
    found = page.evaluate(
        """async (prefix) => {
          const key = new Uint8Array([...new TextEncoder().encode(prefix), 255, 0, 254]);
          await etcd.put(key, "x");
          const [{ keyBytes }] = (await etcd.list(prefix)).entries;
          const { deleted } = await etcd.delete(keyBytes);
          return [String(keyBytes) === String(key), deleted];
        }""",
        key,
    )
    assert found == [True, 1]


def test_bytes_of_a_subclass_are_taken_and_left_as_they_are(page: Page, key: str) -> None:
    """Such as Node's Buffer, whose slices share its memory."""
    found = page.evaluate(
        """async (prefix) => {
          class Buffer extends Uint8Array {
            toJSON() { return "a buffer"; }
            slice(...range) { return this.subarray(...range); }
          }
          const key = Buffer.from([...new TextEncoder().encode(prefix), 255]);
          await etcd.put(key, Buffer.from([1, 2]));
          const { entries } = await etcd.list(key);
          return [entries.length, String(entries[0].keyBytes) === String(key), key.at(-1)];
        }""",
        key,
    )
    assert found == [1, True, 255]


@pytest.mark.parametrize(
    "value",
    ["", "\ufeffmark", "zero \0 byte", "\U0001f600", "\ufffd", '{"base64": "eA=="}', "a" * 300_000],
    ids=["empty", "byte order mark", "zero", "emoji", "replacement", "json", "long"],
)
def test_every_text_survives(page: Page, outside: Outside, key: str, value: str) -> None:
    script = """async ([key, value]) => {
      await etcd.put(key, value);
      const entry = await etcd.get(key);
      return entry.value === value && entry.isText;
    }"""
    assert page.evaluate(script, [key, value])
    assert outside.get(key) == value.encode()


def test_an_old_revision_is_read(page: Page, key: str) -> None:
    script = """async (key) => {
      const { revision } = await etcd.put(key, "old");
      await etcd.put(key, "new");
      return [(await etcd.get(key, { revision })).value, (await etcd.get(key)).value];
    }"""
    assert page.evaluate(script, key) == ["old", "new"]


def test_a_list_is_read_page_by_page(page: Page, key: str) -> None:
    found = page.evaluate(
        """async (prefix) => {
          for (const name of ["a", "b", "c"]) await etcd.put(prefix + name, name);
          const first = await etcd.list(prefix, { limit: 2 });
          const after = first.entries.at(-1).keyBytes;
          const rest = await etcd.list(prefix, { limit: 2, after });
          const values = ({ entries }) => entries.map((entry) => entry.value);
          return [values(first), first.more, first.count, values(rest), rest.more, rest.count];
        }""",
        key,
    )
    assert found == [["a", "b"], True, 3, ["c"], False, 1]


def test_a_page_after_a_key_before_the_prefix_holds_the_prefix_alone(page: Page, key: str) -> None:
    script = """async (prefix) => {
      await etcd.put(prefix.slice(0, -1), "before");
      await etcd.put(prefix, "in");
      return (await etcd.list(prefix, { after: "b" })).entries.map((entry) => entry.value);
    }"""
    assert page.evaluate(script, key) == ["in"]


def test_a_list_is_ordered_as_asked_and_may_lack_values(page: Page, key: str) -> None:
    found = page.evaluate(
        """async (prefix) => {
          for (const name of ["b", "a", "c"]) await etcd.put(prefix + name, name);
          const order = { by: "mod", descending: true };
          const { entries } = await etcd.list(prefix, { order, keysOnly: true });
          const counted = await etcd.list(prefix, { countOnly: true });
          return [entries.map((entry) => entry.key), entries.every((entry) => entry.value === ""),
            counted.count, counted.entries.length];
        }""",
        key,
    )
    assert found == [[key + "c", key + "a", key + "b"], True, 3, 0]


def test_a_scan_gives_every_key_as_of_one_revision(page: Page, key: str) -> None:
    found = page.evaluate(
        """async (prefix) => {
          for (let index = 0; index < 7; index++) await etcd.put(prefix + index, "old");
          const seen = [];
          for await (const entry of etcd.scan(prefix, { pageSize: 2 })) {
            if (!seen.length) await etcd.put(prefix + "6", "new");
            seen.push(entry.value);
          }
          return seen;
        }""",
        key,
    )
    assert found == ["old"] * 7


def test_keys_are_deleted_by_prefix(page: Page, outside: Outside, key: str) -> None:
    found = page.evaluate(
        """async (prefix) => {
          for (const name of ["a", "b"]) await etcd.put(prefix + name, name);
          const { deleted, previous } = await etcd.delete(prefix, { prefix: true, previous: true });
          return [deleted, previous.map((entry) => entry.value)];
        }""",
        key,
    )
    assert found == [2, ["a", "b"]]
    assert outside.get(key + "a") is None


def test_a_change_of_what_was_seen_is_made(page: Page, outside: Outside, key: str) -> None:
    found = page.evaluate(
        """async (key) => {
          const first = await etcd.put(key, "1", { ifRevision: 0n });
          const second = await etcd.put(key, "2", { ifRevision: first.revision, previous: true });
          const third = await etcd.delete(key, { ifRevision: second.revision });
          return [second.previous.value, third.deleted, second.revision - first.revision];
        }""",
        key,
    )
    assert found == ["1", 1, 1]
    assert outside.get(key) is None


def test_nobody_overwrites_what_another_wrote_meanwhile(
    page: Page, outside: Outside, key: str
) -> None:
    page.evaluate("async (key) => { window.seen = await etcd.put(key, 'mine'); }", key)
    outside.put(key, "theirs")
    for attempt in ("put(key, 'again', options)", "delete(key, options)"):
        script = f"(key) => caught(((options) => etcd.{attempt})({{ ifRevision: seen.revision }}))"
        error = page.evaluate(script, key)
        assert (error["name"], error["code"], error["current"]) == ("Conflict", 10, "theirs")
    outside.delete(key)
    error = page.evaluate("(key) => caught(etcd.put(key, 'x', { ifRevision: 1 }))", key)
    assert (error["name"], error["current"]) == ("Conflict", None)
    error = page.evaluate("(key) => caught(etcd.put(key, 'x', { ifRevision: 1 }))", key)
    assert outside.get(key) is None


def test_a_transaction_takes_the_branch_that_holds(page: Page, key: str) -> None:
    found = page.evaluate(
        """async (prefix) => {
          const [a, b] = [prefix + "a", prefix + "b"];
          const { revision } = await etcd.put(a, "1");
          const first = await etcd.txn({
            if: [
              compare.exists(a), compare.missing(b), compare.value(a, "=", "1"),
              compare.version(a, "<", 2), compare.modified(a, "=", revision),
              compare.created(a, "!=", revision - 1n), compare.lease(a, "=", 0),
            ],
            then: [
              op.put(b, "2"), op.get(a), op.list(prefix, { keysOnly: true }),
              op.txn({ then: [op.delete(a, { previous: true })] }),
            ],
            else: [op.get(b)],
          });
          const second = await etcd.txn({ if: [compare.exists(a)], else: [op.get(b)] });
          const nested = first.results[3].results[0];
          return [
            first.succeeded, first.results.map(({ type }) => type),
            first.results[1].entries[0].value,
            first.results[2].entries.length, nested.deleted, nested.previous[0].value,
            first.results[0].revision === first.revision,
            second.succeeded, second.results[0].entries[0].value,
          ];
        }""",
        key,
    )
    types = ["put", "list", "list", "txn"]
    assert found == [True, types, "1", 2, 1, "1", True, False, "2"]


def test_64_bit_numbers_keep_every_digit(page: Page, outside: Outside, key: str) -> None:
    lease = 2**63 - 2
    found = page.evaluate(
        """async ([key, id]) => {
          const lease = await etcd.lease(60, { id: BigInt(id), keepAlive: false });
          await etcd.put(key, "x", { lease });
          const { lease: there } = await etcd.get(key);
          const { id: asked, keys } = await etcd.leaseInfo(there, { keys: true });
          const { succeeded } = await etcd.txn({ if: [compare.lease(key, "=", there)] });
          const known = (await etcd.leases()).includes(lease.id);
          await etcd.revoke(there);
          return [String(there), String(asked), keys, succeeded, known, await etcd.get(key)];
        }""",
        [key, str(lease)],
    )
    assert found == [str(lease), str(lease), [key], True, True, None]


@pytest.mark.parametrize(
    "call",
    [
        "etcd.get(5)",
        "etcd.get('\\ud800')",
        "etcd.put('k', null)",
        "etcd.get('k', { revision: 2 ** 53 })",
        "etcd.get('k', { revision: 1.5 })",
        "etcd.delete('k', { prefix: true, ifRevision: 1 })",
        "etcd.list('k', { after: 'a', order: { by: 'key' } })",
        "etcd.txn({ then: [{ request_put: {} }] })",
        "(async () => compare.value('k', '>=', 'x'))()",
        "(async () => etcd.watch('k', { from: 1, initial: true }))()",
        "(async () => etcd.watch({}))()",
    ],
)
def test_a_wrong_argument_is_a_type_error(page: Page, call: str) -> None:
    assert page.evaluate(f"caught({call})")["name"] == "TypeError"


def test_what_etcd_refuses_is_an_error_with_its_code(page: Page) -> None:
    error = page.evaluate("caught(etcd.put('', 'x'))")
    assert (error["name"], error["code"], error["status"]) == ("EtcdError", 3, 400)
    assert error["message"] == "etcdserver: key is not provided"
    error = page.evaluate("caught(etcd.get('k', { revision: 10n ** 15n }))")
    assert error["code"] == 11


def test_other_calls_are_made_by_path(page: Page, etcd: EtcdServer) -> None:
    assert page.evaluate("etcd.call('maintenance/status')")["version"] == etcd.version
    script = "caught(etcd.call('no/such/path'))"
    assert page.evaluate(script)["code"] == 5


def test_an_aborted_call_rejects_with_the_signals_reason(page: Page, key: str) -> None:
    script = "(key) => caught(etcd.get(key, { signal: AbortSignal.abort() }))"
    assert page.evaluate(script, key)["name"] == "AbortError"
    script = """async (key) => {
      const stop = new AbortController();
      const calls = [etcd.get(key, stop), etcd.put(key, "x", stop), etcd.lock(key, stop)];
      stop.abort(new Error("enough"));
      return Promise.all(calls.map((call) => caught(call).then((error) => error?.message)));
    }"""
    assert page.evaluate(script, key) == ["enough"] * 3


def test_a_server_that_is_not_there_is_code_14(page: Page) -> None:
    script = (
        "caught(new Etcd({ base: '/etcd/v3', fetch: () => fetch('http://127.0.0.1:9/') }).get('k'))"
    )
    error = page.evaluate(script)
    assert (error["name"], error["code"], error["status"]) == ("EtcdError", 14, 0)


@pytest.mark.parametrize("mount", ["/", "/deep/under/etcd"])
def test_the_module_finds_its_gateway_under_any_mount(
    open_page: Open, serve: Serve, etcd: EtcdServer, key: str, mount: str
) -> None:
    page = open_page(serve(etcd, MOUNT=mount.rstrip("/")))
    script = "async (key) => { await etcd.put(key, 'here'); return (await etcd.get(key)).value; }"
    assert page.evaluate(script, key) == "here"
