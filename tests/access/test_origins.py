"""Requests that another site made a browser send."""

import base64
import re
from typing import Any

import httpx
import pytest

from etcd_asgi import Denied, Gateway
from etcd_asgi.policy.origin import Origin, Origins
from etcd_asgi.testing import EtcdServer
from tests.access.calls import client_of, text

COOKIE = {"cookie": "session=1"}
BASIC = {"authorization": "Basic " + base64.b64encode(b"a:b").decode()}
FORM = {"content-type": "text/plain"}
JSON = {"content-type": "application/json"}
BODY = b'{"key": "%s"}' % text("origins").encode()
Headers = dict[str, str]


async def post(etcd: EtcdServer, headers: Headers) -> httpx.Response:
    gateway = Gateway(etcd.endpoint, allowed_origins=["https://friend.example:8443"])
    async with client_of(gateway) as client:
        return await client.post("/v3/kv/range", content=BODY, headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(FORM, id="no-login"),
        pytest.param({}, id="nothing"),
        pytest.param({"authorization": "Bearer t"}, id="a-token-no-browser-adds"),
        pytest.param(COOKIE | JSON, id="json"),
        pytest.param(COOKIE | {"content-type": "application/json; bytes=text"}, id="json-text"),
        pytest.param(COOKIE | FORM | {"sec-fetch-site": "same-origin"}, id="own-page"),
        pytest.param(COOKIE | FORM | {"sec-fetch-site": "none"}, id="typed"),
        pytest.param(COOKIE | FORM | {"origin": "http://host"}, id="own-origin"),
        pytest.param(COOKIE | FORM | {"origin": "https://friend.example:8443"}, id="allowed"),
        pytest.param(
            COOKIE
            | FORM
            | {"sec-fetch-site": "cross-site", "origin": "https://friend.example:8443"},
            id="allowed-cross-site",
        ),
    ],
)
async def test_these_pass(etcd: EtcdServer, headers: Headers) -> None:
    answer = await post(etcd, headers)
    assert "cross-site" not in answer.text


FOREIGN = [
    pytest.param({}, id="no-type"),
    pytest.param(FORM, id="says-nothing"),
    pytest.param({"content-type": "text/plain; application/json"}, id="almost-json"),
    pytest.param({"content-type": "application/x-www-form-urlencoded"}, id="form"),
    pytest.param({"content-type": "multipart/form-data; boundary=x"}, id="multipart"),
    pytest.param(FORM | {"sec-fetch-site": "cross-site"}, id="cross-site"),
    pytest.param(FORM | {"sec-fetch-site": "same-site"}, id="same-site"),
    pytest.param(FORM | {"sec-fetch-site": "cross-site", "origin": "http://host"}, id="by-name"),
    pytest.param(FORM | {"origin": "null"}, id="sandboxed"),
    pytest.param(FORM | {"origin": "http://host.evil.example"}, id="prefix"),
    pytest.param(FORM | {"origin": "http://evilhost"}, id="suffix"),
    pytest.param(FORM | {"origin": "http://host:81"}, id="other-port"),
    pytest.param(FORM | {"origin": "http://friend.example:8443"}, id="allowed-but-not-secure"),
    pytest.param(FORM | {"origin": "ftp://host"}, id="scheme"),
]


@pytest.mark.parametrize("login", [COOKIE, BASIC], ids=["cookie", "basic"])
@pytest.mark.parametrize("headers", FOREIGN)
async def test_these_are_refused(etcd: EtcdServer, login: Headers, headers: Headers) -> None:
    answer = await post(etcd, login | headers)
    assert (answer.status_code, answer.json()["code"]) == (403, 7)
    assert "application/json" in answer.json()["message"]


@pytest.mark.parametrize(
    ("scheme", "host", "origin", "is_own"),
    [
        ("ws", "app.example", "http://app.example", True),
        ("ws", "app.example", "https://app.example", True),  # a proxy ended TLS
        ("wss", "app.example", "https://app.example", True),
        ("wss", "app.example", "http://app.example", False),
        ("ws", "APP.example:80", "http://app.example", True),
        ("ws", "app.example:8000", "http://app.example:8000", True),
        ("ws", "app.example:8000", "http://app.example", False),
        ("ws", "[::1]:8000", "http://[::1]:8000", True),
        ("ws", "app.example", "http://app.example.evil", False),
        ("ws", "app.example", "http://evil@app.example:x", False),
        ("ws", "app.example", "http://evil@app.example", False),
        ("ws", "app.example", "http://app.example?evil", False),
        ("ws", "app.example", "null", False),
        ("ws", "app.example", "", False),
    ],
)
def test_a_socket_is_from_the_own_host_or_refused(
    scheme: str, host: str, origin: str, is_own: bool
) -> None:
    headers = [(b"host", host.encode()), (b"origin", origin.encode())]
    scope = {"type": "websocket", "scheme": scheme, "headers": headers}
    if is_own:
        Origins().check_socket(scope)
    else:
        with pytest.raises(Denied, match="a WebSocket from origin"):
            Origins().check_socket(scope)


def test_two_hosts_are_no_host() -> None:
    headers = [(b"host", b"a"), (b"host", b"b"), (b"origin", b"http://b")]
    with pytest.raises(Denied):
        Origins().check_socket({"type": "websocket", "scheme": "ws", "headers": headers})


APPS = [
    "capacitor://localhost",
    "ionic://localhost",
    "tauri://localhost",
    "https://tauri.localhost",
    "http://tauri.localhost",
    "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
    "moz-extension://7a2c1f0e-5c52-4a35-8d09-1b4e7f7d0d5b",
    "vscode-webview://1k4v2m0d8q7l3e9s5t6u",
    "app://obsidian.md",
    "app://.",
    "app://-",
    "ms-appx-web://some.app",
    "http://localhost:5173",
    "http://[::1]:5173",
]


def socket(*headers: tuple[str, str], scheme: str = "ws") -> dict[str, Any]:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return {"type": "websocket", "scheme": scheme, "headers": raw}


def is_refused(origins: Origins, scope: dict[str, Any]) -> bool:
    """By both: a WebSocket, and a form that a page posts with the visitor's cookie."""
    form = {**scope, "type": "http", "method": "POST"}
    refusals = []
    for check, one in ((origins.check_socket, scope), (origins.check, form)):
        try:
            check(one)
        except Denied as error:
            refusals.append(error.status)
    assert refusals in ([], [403, 403])
    return bool(refusals)


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("site", [None, "cross-site", "same-site"])
def test_the_page_of_an_app_is_let_in_where_it_is_allowed(app: str, site: str | None) -> None:
    sent = [("Host", "etcd.example"), ("Origin", app)]
    if site is not None:
        sent.append(("Sec-Fetch-Site", site))
    assert is_refused(Origins(), socket(*sent))
    assert not is_refused(Origins([app]), socket(*sent))
    assert not is_refused(Origins([f"{app}/".upper()]), socket(*sent)), "as somebody may write it"


@pytest.mark.parametrize(
    ("allowed", "origin"),
    [
        ("capacitor://localhost", "capacitor://localhost:80"),
        ("capacitor://localhost", "capacitor://localhost.evil"),
        ("capacitor://localhost", "ionic://localhost"),
        ("capacitor://localhost", "http://localhost"),
        ("http://localhost", "capacitor://localhost"),
        ("app://a:1", "app://a"),
        ("app://.", "app://"),
        ("chrome-extension://aaaa", "chrome-extension://aaab"),
        ("https://tauri.localhost", "http://tauri.localhost"),
        ("https://a.example", "https://a.example:444"),
    ],
)
def test_scheme_host_and_port_of_an_allowed_origin_all_count(allowed: str, origin: str) -> None:
    scope = socket(("Host", "etcd.example"), ("Origin", origin))
    assert is_refused(Origins([allowed]), scope)


@pytest.mark.parametrize("origin", ["capacitor://localhost", "ftp://localhost", "file://localhost"])
def test_an_app_is_not_from_this_host_because_it_has_its_name(origin: str) -> None:
    assert is_refused(Origins(), socket(("Host", "localhost"), ("Origin", origin)))


VITE = (("Host", "127.0.0.1:8000"), ("Origin", "http://localhost:5173"))
"""vite's ``changeOrigin: true`` rewrites Host, and so do webpack's and express's; Origin stays."""

WEBPACK = (
    *VITE,
    ("X-Forwarded-For", "127.0.0.1"),
    ("X-Forwarded-Host", "localhost:5173"),
    ("X-Forwarded-Port", "5173"),
    ("X-Forwarded-Proto", "ws"),
)
EXPRESS = (*VITE, ("X-Forwarded-Host", "localhost:5173"), ("Connection", "close"))
NGINX = (("Host", "gateway"), ("Connection", "upgrade"), ("Origin", "https://app.example"))
"""nginx without ``proxy_set_header Host``: it has the name of the upstream."""

CLOUDFLARE = (
    ("Host", "app.example"),
    ("CF-RAY", "8c0f"),
    ("CF-Visitor", '{"scheme":"https"}'),
    ("CF-Connecting-IP", "203.0.113.7"),
    ("X-Forwarded-Proto", "https"),
    ("CDN-Loop", "cloudflare; loops=1"),
)


@pytest.mark.parametrize("proxy", [VITE, WEBPACK, EXPRESS, NGINX])
def test_behind_a_proxy_that_rewrites_host_the_browser_itself_says_whose_page_it_is(
    proxy: tuple[tuple[str, str], ...],
) -> None:
    assert not is_refused(Origins(), socket(*proxy, ("Sec-Fetch-Site", "same-origin")))
    for site in ("same-site", "cross-site", "none", "SAME-ORIGIN", ""):
        assert is_refused(Origins(), socket(*proxy, ("Sec-Fetch-Site", site))), site
    assert is_refused(Origins(), socket(*proxy)), "nobody says that it is ours"
    (origin,) = (value for name, value in proxy if name == "Origin")
    assert not is_refused(Origins([origin]), socket(*proxy))


def test_a_proxy_that_keeps_host_needs_nothing() -> None:
    """Cloudflare, and nginx with ``proxy_set_header Host $http_host``; TLS ends there."""
    own = ("Origin", "https://app.example")
    assert not is_refused(Origins(), socket(*CLOUDFLARE, own))
    assert is_refused(Origins(), socket(*CLOUDFLARE, ("Origin", "https://evil.example")))


def test_what_a_proxy_says_of_the_host_counts_for_nothing() -> None:
    forged = ("X-Forwarded-Host", "evil.example"), ("Forwarded", "host=evil.example")
    scope = socket(("Host", "app.example"), ("Origin", "http://evil.example"), *forged)
    assert is_refused(Origins(), scope)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_proxy_that_drops_the_origin_does_not_make_a_page_ours(site: str) -> None:
    assert is_refused(Origins(), socket(("Host", "app.example"), ("Sec-Fetch-Site", site)))


@pytest.mark.parametrize(
    "twice",
    [
        [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "same-origin")],
        [("Sec-Fetch-Site", "same-origin, cross-site")],
    ],
)
def test_a_header_that_is_there_twice_is_not_believed(twice: list[tuple[str, str]]) -> None:
    assert is_refused(Origins(), socket(*VITE, *twice))
    both = [("Origin", "http://app.example"), ("Origin", "http://app.example")]
    assert is_refused(Origins(), socket(("Host", "app.example"), *both))


def test_what_no_page_has_sent_may_be_from_an_extension() -> None:
    """Chromium says none for requests of extensions, with the extension's origin."""
    none = ("Sec-Fetch-Site", "none")
    extension = ("Origin", "chrome-extension://abcdefghijklmnopabcdefghijklmnop")
    assert not is_refused(Origins(), socket(("Host", "a"), none))
    assert is_refused(Origins(), socket(("Host", "a"), none, extension))
    assert not is_refused(Origins([extension[1]]), socket(("Host", "a"), none, extension))


def refusal(*headers: tuple[str, str]) -> str:
    with pytest.raises(Denied) as caught:
        Origins().check_socket(socket(*headers))
    return caught.value.message


def test_the_refusal_of_a_socket_names_both_sides() -> None:
    told = refusal(("Host", "app.example"), ("Origin", "http://app.example:8000"))
    assert "from origin http://app.example:8000, which" in told
    assert told.endswith("(this host is app.example)")
    assert "(this host is not named by the request)" in refusal(("Origin", "http://a"))
    assert "from another site, which" in refusal(("Sec-Fetch-Site", "cross-site"))


def test_the_refusal_of_a_socket_repeats_nothing_that_is_long_or_not_printable() -> None:
    told = refusal(("Host", "h\x9b" * 5000), ("Origin", "http://\x1b[31m" + "a" * 5000))
    assert told.isprintable()
    assert len(told) < 400


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("*", "wildcards are not supported"),
        ("https://*", "wildcards are not supported"),
        ("https://*.example.org", "wildcards are not supported"),
        ("http://localhost:*", "wildcards are not supported"),
        ("app.example", "begin it with a scheme"),
        ("localhost:5173", "begin it with a scheme"),
        ("", "begin it with a scheme"),
        ("https://app.example/path", "all that it has"),
        ("https://app.example?x", "all that it has"),
        ("https://me:secret@app.example", "all that it has"),
        ("https://app.example:0", "all that it has"),
        ("https://app.example:99999", "all that it has"),
        (" https://app.example", "all that it has"),
        ("https://a.example,https://b.example", "all that it has"),
        ("https://[::g]", "all that it has"),
        ("null", "nobody can tell whose page it is"),
        ("file://", "nobody can tell whose page it is"),
        ("file:///index.html", "nobody can tell whose page it is"),
        ("data:text/html", "nobody can tell whose page it is"),
        ("wss://app.example", "name the page that opens it"),
        ("https://b\u00fccher.example", "in ASCII"),
    ],
)
def test_what_is_allowed_must_be_an_origin(text: str, reason: str) -> None:
    expected = r"takes origins such as 'https://app.example.org', not .*" + re.escape(reason)
    with pytest.raises(ValueError, match=expected):
        Gateway("http://127.0.0.1:2379", allowed_origins=["https://a.example", text])


def test_one_origin_is_no_list() -> None:
    with pytest.raises(ValueError, match="takes a list"):
        Gateway("http://127.0.0.1:2379", allowed_origins="https://app.example")


def test_an_origin_has_the_port_of_its_scheme() -> None:
    assert Origin.parse("https://a") == Origin("https", "a", 443)
    assert Origin.parse("capacitor://a") == Origin("capacitor", "a", None)


async def test_an_app_reads_and_writes_with_its_login(etcd: EtcdServer) -> None:
    gateway = Gateway(etcd.endpoint, allowed_origins=["capacitor://localhost"])
    async with client_of(gateway) as client:
        for origin, status in (("capacitor://localhost", 200), ("ionic://localhost", 403)):
            headers = COOKIE | FORM | {"origin": origin, "sec-fetch-site": "cross-site"}
            answer = await client.post("/v3/kv/range", content=BODY, headers=headers)
            assert answer.status_code == status
