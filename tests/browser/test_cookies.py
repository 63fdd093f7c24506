"""The host's login, and what pages of other sites can do with it.

Every visitor here has a cookie that the browser sends along from other sites too. ``127.0.0.1`` and
``localhost`` are two sites.
"""

import pytest
from playwright.sync_api import Page

from etcd_asgi.testing import EtcdServer
from tests.browser.conftest import Open, Serve, start
from tests.browser.outside import Outside
from tests.browser.test_watches import watched
from tests.hosts.serving import AppServer

FORM = """([action, type, message]) => {
  const form = document.createElement("form");
  Object.assign(form, { method: "POST", action, enctype: type });
  const field = document.createElement("input");
  // As text/plain a form sends name=value: together that is a JSON object.
  field.name = message.slice(0, -1) + ', "x": "';
  field.value = '"}';
  form.append(field);
  document.body.append(form);
  form.submit();
}"""

SOCKET = """(url) => new Promise((resolve) => {
  const socket = new WebSocket(url);
  socket.onopen = () => socket.send('{"key": "aw=="}');
  socket.onmessage = ({ data }) => { resolve(JSON.parse(data).header ? "answered" : data); };
  socket.onerror = () => resolve("refused");
})"""


@pytest.fixture(scope="module")
def guarded(serve: Serve, etcd: EtcdServer) -> AppServer:
    """The application, for those who are logged in."""
    return serve(etcd, GUARDED="1")


def visitor(open_page: Open, server: AppServer, user: str) -> Page:
    """The page of somebody who is logged in."""
    page = open_page(server, f"/login/{user}")
    page.goto(server.url)
    page.wait_for_function("window.ready")
    return page


def elsewhere(page: Page, server: AppServer) -> None:
    """Go to a page of another site; the browser keeps its cookies."""
    page.goto(server.url.replace("127.0.0.1", "localhost") + "/bare")


def test_the_hosts_cookie_is_the_login(open_page: Open, guarded: AppServer, key: str) -> None:
    script = "(key) => caught(etcd.put(key, 'x'))"
    nobody = open_page(guarded).evaluate(script, key)
    assert (nobody["code"], nobody["status"], nobody["message"]) == (16, 401, "log in first")
    assert visitor(open_page, guarded, "writer").evaluate(script, key) is None


def test_what_the_grant_forbids_is_an_error(open_page: Open, guarded: AppServer, key: str) -> None:
    page = visitor(open_page, guarded, "reader")
    assert page.evaluate("(key) => etcd.get(key)", key) is None
    error = page.evaluate("(key) => caught(etcd.put(key, 'x'))", key)
    assert (error["code"], error["status"]) == (7, 403)


def test_a_page_knows_what_its_user_may_do(open_page: Open, guarded: AppServer) -> None:
    script = """async () => {
      const { rpcs, namespaced, user } = await etcd.grant();
      return [rpcs.has("KV.Range"), rpcs.has("KV.Put"), namespaced, user];
    }"""
    reader = visitor(open_page, guarded, "reader").evaluate(script)
    assert reader == [True, False, False, "reader"]
    writer = visitor(open_page, guarded, "writer").evaluate(script)
    assert writer == [True, True, False, "writer"]


def test_a_login_that_is_over_ends_the_watch(
    open_page: Open, serve: Serve, etcd: EtcdServer, key: str
) -> None:
    server = serve(etcd, GUARDED="1")
    page = visitor(open_page, server, "reader")
    watched(page, key)
    page.context.clear_cookies()
    server.process.kill()
    start(server)
    page.wait_for_function("errors.length")
    assert page.evaluate("errors") == [["EtcdError", 16]]
    assert page.evaluate("caught(watch.closed)")["code"] == 16


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_another_sites_form_changes_nothing(
    open_page: Open, guarded: AppServer, outside: Outside, key: str, kind: str
) -> None:
    page = visitor(open_page, guarded, "writer")
    elsewhere(page, guarded)
    message = '{"key": "Zm9yZ2Vk", "value": "eA=="}'
    with page.expect_navigation() as answer:
        page.evaluate(FORM, [guarded.url + "/etcd/v3/kv/put", kind, message])
    assert answer.value.request.all_headers().get("cookie") == "user=writer"
    assert (answer.value.status, "cross-site" in answer.value.text()) == (403, True)
    assert outside.get("forged") is None


def test_the_hosts_own_form_would_have_worked(
    open_page: Open, guarded: AppServer, outside: Outside
) -> None:
    """So the refusal is about the site, not about the form."""
    page = visitor(open_page, guarded, "writer")
    with page.expect_navigation() as answer:
        url = guarded.url + "/etcd/v3/kv/put"
        page.evaluate(FORM, [url, "text/plain", '{"key": "b3duIGZvcm0=", "value": "eA=="}'])
    assert answer.value.status == 200
    assert outside.get("own form") == b"x"


def test_another_sites_script_cannot_call_the_api(
    open_page: Open, guarded: AppServer, outside: Outside
) -> None:
    page = visitor(open_page, guarded, "writer")
    elsewhere(page, guarded)
    url = guarded.url + "/etcd/v3/kv/put"
    for kind in ("text/plain", "application/json"):
        script = """([url, kind]) => fetch(url, {
          method: "POST", credentials: "include", headers: { "content-type": kind },
          body: '{"key": "c2NyaXB0", "value": "eA=="}',
        }).then(() => "answered", () => "refused")"""
        assert page.evaluate(script, [url, kind]) == "refused"
    assert outside.get("script") is None


def test_another_sites_socket_is_refused(open_page: Open, guarded: AppServer) -> None:
    page = visitor(open_page, guarded, "writer")
    url = guarded.url.replace("http", "ws", 1) + "/etcd/v3/kv/range"
    assert page.evaluate(SOCKET, url) == "answered"
    elsewhere(page, guarded)
    assert page.evaluate(SOCKET, url) == "refused"
