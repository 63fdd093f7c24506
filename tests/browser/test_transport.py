"""What goes over the wire, and what comes back that is not etcd's answer."""

import json

import pytest
from playwright.sync_api import Page, Request, Route

from tests.browser.outside import Outside

BODIES = """async ([key, accept]) => {
  const plain = (url, { headers, ...request }) => {
    headers.set("accept", accept);
    return fetch(url, { ...request, headers });
  };
  window.etcd = new Etcd({ base: etcd.base, fetch: plain });
}"""

BINARY = """async (key) => {
  await etcd.put(key, "first");
  await etcd.put(key + "/a", "grün");
  await etcd.put(key + "/b", new Uint8Array([0, 200]));
  const watch = etcd.watch({ prefix: key + "/" }, { from: 1 });
  const { entries } = await etcd.list(key + "/");
  const lock = await etcd.lock(key + "/lock");
  await lock.unlock();
  const values = entries.map(({ value }) => value);
  return [values, Array.from(entries[1].bytes), lock.key.startsWith(key)];
}"""


def sent(page: Page) -> list[Request]:
    """The requests of the page from now on."""
    found: list[Request] = []

    def note(request: Request) -> None:
        found.append(request)

    page.on("request", note)
    return found


@pytest.mark.parametrize("accept", ["application/json", "application/json; bytes=text"])
def test_a_gateway_with_and_without_text_is_understood(
    page: Page, outside: Outside, key: str, accept: str
) -> None:
    page.evaluate(BODIES, [key, accept])
    assert page.evaluate(BINARY, key) == [["grün", "\0\ufffd"], [0, 200], True]
    assert outside.get(key + "/a") == "grün".encode()
    assert outside.get(key + "/b") == b"\0\xc8"


def test_requests_are_in_text_as_soon_as_the_gateway_has_shown_that_it_knows_it(
    page: Page, key: str
) -> None:
    requests = sent(page)
    page.evaluate(BINARY, key)
    first, second = (json.loads(request.post_data or "") for request in requests[:2])
    assert (first["key"] != key, second["key"]) == (True, key + "/a")
    types = [request.headers["content-type"] for request in requests[:2]]
    assert types == ["application/json", "application/json; bytes=text"]


def test_headers_are_asked_for_at_each_request(page: Page) -> None:
    requests = sent(page)
    page.evaluate(
        """async () => {
          let count = 0;
          const headers = async () => ({ authorization: `token ${++count}` });
          const named = new Etcd({ base: "/etcd/v3", headers });
          await named.call("maintenance/status");
          await named.get("k");
        }"""
    )
    assert [request.headers["authorization"] for request in requests] == ["token 1", "token 2"]


@pytest.mark.parametrize(
    ("status", "headers", "body", "code"),
    [
        pytest.param(502, "text/html", "<h1>Bad Gateway</h1>", 14, id="a proxy"),
        pytest.param(403, "application/json", '{"detail": "not today"}', 7, id="a host"),
        pytest.param(404, "application/json", '{"code": "none", "error": {}}', 5, id="odd JSON"),
        pytest.param(200, "text/html", "<h1>Log in</h1>", 2, id="a page"),
        pytest.param(200, "application/json", '{"kvs": [', 14, id="cut off"),
    ],
)
def test_an_answer_that_is_not_etcds_is_an_error(
    page: Page, status: int, headers: str, body: str, code: int
) -> None:
    def answer(route: Route) -> None:
        route.fulfill(status=status, content_type=headers, body=body)

    page.route("**/kv/range", answer)
    error = page.evaluate("caught(etcd.get('k'))")
    assert (error["name"], error["code"]) == ("EtcdError", code)
    assert error["message"]


def test_a_redirect_to_a_login_means_that_nobody_is_logged_in(page: Page) -> None:
    def answer(route: Route) -> None:
        route.fulfill(status=302, headers={"location": "/login/writer"})

    page.route("**/kv/range", answer)
    assert page.evaluate("caught(etcd.get('k'))")["code"] == 16


CUTTING = """async (size) => {
  window.connections = 0;
  const cutting = async (...request) => {
    const response = await fetch(...request);
    if (!response.url.endsWith("/watch")) return response;
    let left = size * 2 ** connections++;
    const cut = new TransformStream({
      transform(chunk, out) {
        out.enqueue(chunk.subarray(0, left));
        left -= chunk.length;
        if (left <= 0) out.terminate();
      },
    });
    const { status, headers } = response;
    return new Response(response.body.pipeThrough(cut), { status, headers });
  };
  window.etcd = new Etcd({ base: etcd.base, fetch: cutting });
}"""


def test_answers_that_are_cut_off_anywhere_lose_and_repeat_nothing(page: Page, key: str) -> None:
    page.evaluate(CUTTING, 400)
    found = page.evaluate(
        """async (key) => {
          let from;
          for (let number = 0; number < 30; number++) {
            const { revision } = await etcd.put(key, String(number));
            from ??= revision;
          }
          const seen = [];
          for await (const { entry } of etcd.watch(key, { from })) {
            if (entry.value === "20") for (let number = 30; number < 50; number++) {
              await etcd.put(key, String(number));
            }
            if (seen.push(entry.value) === 50) break;
          }
          return [seen, connections > 2];
        }""",
        key,
    )
    assert found == [[str(number) for number in range(50)], True]


def test_every_version_prefix_will_do(page: Page, outside: Outside, key: str) -> None:
    page.evaluate("window.etcd = new Etcd({ base: '/etcd/v3beta' })")
    assert page.evaluate(BINARY, key) == [["grün", "\0\ufffd"], [0, 200], True]
    error = page.evaluate("(key) => caught(etcd.put(key, 'x', { ifRevision: 0 }))", key)
    assert (error["name"], error["current"]) == ("Conflict", "first")
    assert page.evaluate("caught(etcd.put('', 'x'))")["code"] == 3
    script = """async (key) => {
      for await (const change of etcd.watch(key, { initial: true })) return short(change);
    }"""
    assert page.evaluate(script, key) == f"reset initial {key}"
