"""Requests that another site made a browser send."""

import base64

import httpx
import pytest

from etcd_asgi import Gateway
from etcd_asgi.origin import Origin, Origins
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
    from etcd_asgi import Denied

    headers = [(b"host", host.encode()), (b"origin", origin.encode())]
    scope = {"type": "websocket", "scheme": scheme, "headers": headers}
    if is_own:
        Origins().check_socket(scope)
    else:
        with pytest.raises(Denied, match="a WebSocket from origin"):
            Origins().check_socket(scope)


def test_two_hosts_are_no_host() -> None:
    from etcd_asgi import Denied

    headers = [(b"host", b"a"), (b"host", b"b"), (b"origin", b"http://b")]
    with pytest.raises(Denied):
        Origins().check_socket({"type": "websocket", "scheme": "ws", "headers": headers})


@pytest.mark.parametrize("text", ["*", "app.example", "https://app.example/path", "null"])
def test_what_is_allowed_must_be_an_origin(text: str) -> None:
    with pytest.raises(ValueError, match=r"takes origins such as 'https://app.example.org', not"):
        Gateway("http://127.0.0.1:2379", allowed_origins=[text])


def test_one_origin_is_no_list() -> None:
    with pytest.raises(ValueError, match="takes a list"):
        Gateway("http://127.0.0.1:2379", allowed_origins="https://app.example")


def test_an_origin_has_the_port_of_its_scheme() -> None:
    assert Origin.parse("https://a") == Origin("https", "a", 443)
