"""WebSockets and plain fetch, without the module."""

from base64 import b64encode

import pytest

from etcd_asgi.testing import EtcdServer
from tests.browser.conftest import Open, Serve
from tests.browser.outside import Outside
from tests.conftest import StartEtcd

WATCH = """([url, protocols, cookie]) => new Promise((resolve) => {
  if (cookie) document.cookie = cookie;
  const socket = new WebSocket(url, protocols);
  const seen = [];
  socket.onopen = () => socket.send('{"create_request": {"key": "ag==", "progress_notify": true}}');
  socket.onmessage = ({ data }) => {
    const { result } = JSON.parse(data);
    seen.push(result?.created ? (result.canceled ? "refused" : "created") : "change");
    if (seen[0] === "created") window.created = true;
    if (seen.length === 2 || seen[0] === "refused") resolve([...seen, socket.protocol]);
  };
  socket.onclose = ({ code }) => resolve([...seen, code]);
})"""


@pytest.fixture
def locked(start_etcd: StartEtcd) -> EtcdServer:
    """An etcd that asks who you are."""
    etcd = start_etcd()
    outside = Outside(etcd)
    outside.call("auth/user/add", name="root", password="secret")
    outside.call("auth/user/grant", user="root", role="root")
    outside.call("auth/enable")
    return etcd


def test_a_page_watches_over_a_socket_with_its_etcd_token(
    open_page: Open, serve: Serve, locked: EtcdServer
) -> None:
    """Browsers can set no header on a WebSocket: the token is the second protocol, or a cookie."""
    server = serve(locked, TOKENS="1")
    page = open_page(server, "/bare")
    outside = Outside(locked)
    token = outside.call("auth/authenticate", name="root", password="secret")["token"]
    url = server.url.replace("http", "ws", 1) + "/etcd/v3/watch"
    for protocols, cookie, chosen in (
        (["Bearer", token], "", "Bearer"),
        ([], f"token={token}", ""),
    ):
        page.evaluate("window.created = false")
        page.evaluate(
            f"([...args]) => {{ window.found = ({WATCH})(args); }}", [url, protocols, cookie]
        )
        page.wait_for_function("window.created")
        outside.token = token
        outside.put("j", "x")
        assert page.evaluate("window.found") == ["created", "change", chosen]
    page.context.clear_cookies()
    assert page.evaluate(WATCH, [url, ["Bearer", "wrong"], ""])[0] != "created"


def test_a_stream_is_read_line_by_line(open_page: Open, serve: Serve, etcd: EtcdServer) -> None:
    """With ``fetch`` alone: each message arrives when it is sent, not at the end."""
    page = open_page(serve(etcd), "/bare")
    key = b64encode(b"fetch").decode()
    script = """async (key) => {
      const stop = new AbortController();
      const { body, headers } = await fetch("/etcd/v3/watch", {
        method: "POST", body: JSON.stringify({ create_request: { key } }), signal: stop.signal,
      });
      const reader = body.pipeThrough(new TextDecoderStream()).getReader();
      const read = async () => JSON.parse((await reader.read()).value).result;
      const { created } = await read();
      const body2 = JSON.stringify({ key, value: key });
      await fetch("/etcd/v3/kv/put", { method: "POST", body: body2 });
      const { events: [{ kv }] } = await read();
      stop.abort();
      return [created, kv.key, headers.get("content-type")];
    }"""
    assert page.evaluate(script, key) == [True, key, "application/json"]
