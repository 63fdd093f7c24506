"""Logging in and out of the examples, and what other sites' pages try meanwhile."""

import re

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from etcd_asgi.calls.bindings import Binding, bindings
from tests.examples.conftest import Teams
from tests.examples.visiting import USERS, Example, call, text

PUT = {"key": text("k"), "value": text("v")}
EVIL = "https://evil.example"


@pytest.mark.parametrize("user", USERS)
def test_who_has_logged_in_is_told_what_they_may_do(example: Example, user: str) -> None:
    with example.visitor() as client:
        assert example.log_in(client, user).status_code in (302, 303)
        grant = client.get("/etcd/grant").json()
        assert (grant["user"], grant["namespaced"]) == (user, True)
        assert ("KV.Put" in grant["rpcs"]) == (user != "red-reader")


def test_a_wrong_name_or_password_opens_nothing(example: Example) -> None:
    with example.visitor() as client:
        for user, password in (("red-writer", "wrong"), ("nobody", "x"), ("", "x" * 1000)):
            answer = example.log_in(client, user, password)
            assert re.search(r'role="alert">[^<]*do not belong together', answer.text)
            assert call(client, "kv/range", PUT).status_code == 401


@pytest.mark.parametrize("binding", bindings(), ids=lambda binding: binding.name)
def test_nobody_may_do_anything(example: Example, binding: Binding) -> None:
    answer = httpx.post(f"{example.url}/etcd/v3{binding.path}", json={})
    assert (answer.status_code, answer.json()["code"]) == (401, 16)


@pytest.mark.parametrize("path", ["watch", "kv/range", "lease/keepalive"])
def test_nobody_may_open_a_websocket(example: Example, path: str) -> None:
    with (
        example.visitor() as client,
        pytest.raises(InvalidStatus) as refused,
        example.socket(client, path),
    ):
        pass
    assert refused.value.response.status_code == 401


@pytest.mark.parametrize("path", ["/etcd/version", "/etcd/grant"])
def test_nobody_is_told_anything(example: Example, path: str) -> None:
    assert httpx.get(example.url + path).status_code == 401


@pytest.mark.parametrize(
    "cookie", ["demo_session", "sessionid", "demo_session.x", "session", "token"]
)
@pytest.mark.parametrize("value", ["", "x", "null", "e30=.x.y", "../../etc"])
def test_a_made_up_cookie_is_nobodys(example: Example, cookie: str, value: str) -> None:
    headers = {"cookie": f"{cookie}={value}"}
    answer = httpx.post(f"{example.url}/etcd/v3/kv/range", json=PUT, headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("sign", [{"origin": EVIL}, {"sec-fetch-site": "cross-site"}, {}])
def test_a_form_of_another_site_writes_nothing(
    teams: Teams, kind: str, sign: dict[str, str]
) -> None:
    body = '{"key": "Zm9yZ2Vk", "value": "eA=="}'
    headers = {"content-type": kind, **sign}
    answer = teams.red.post("/etcd/v3/kv/put", content=body, headers=headers)
    assert answer.status_code == 403
    assert "cross-site" in answer.json()["message"]
    assert "kvs" not in call(teams.red, "kv/range", {"key": "Zm9yZ2Vk"}).json()


@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_a_form_of_another_site_neither_logs_in_nor_out(example: Example, path: str) -> None:
    with example.visitor() as client:
        example.log_in(client, "red-writer")
        cookies = dict(client.cookies)
        form = {"name": "blue-writer", "username": "blue-writer"}
        form["password"] = example.passwords["blue-writer"]
        answer = client.post(path, data=form, headers={"origin": EVIL})
        assert answer.status_code == 403
        assert dict(client.cookies) == cookies
        assert client.get("/etcd/grant").json()["user"] == "red-writer"


@pytest.mark.parametrize("path", ["watch", "kv/put"])
@pytest.mark.parametrize("origin", [EVIL, "null", "http://127.0.0.1:1"])
def test_a_page_of_another_site_opens_no_websocket(teams: Teams, path: str, origin: str) -> None:
    socket = teams.example.socket
    with pytest.raises(InvalidStatus) as refused, socket(teams.red, path, origin):
        pass
    assert refused.value.response.status_code == 403
    with socket(teams.red, path):
        pass


def test_after_logging_out_the_old_cookies_are_of_no_use(example: Example) -> None:
    with example.visitor() as client, example.visitor() as thief:
        example.log_in(client, "red-writer")
        thief.cookies.update(client.cookies)
        assert call(thief, "kv/range", PUT).status_code == 200
        form = example.form(client)
        if example.kind == "django":
            form = {"csrfmiddlewaretoken": client.cookies["csrftoken"]}
        answer = client.post("/logout", data=form, headers={"origin": example.url})
        assert answer.status_code in (302, 303)
        for visitor in (client, thief):
            assert call(visitor, "kv/range", PUT).status_code == 401
            assert call(visitor, "watch", {"create_request": PUT}).status_code == 401
            with pytest.raises(InvalidStatus) as refused, example.socket(visitor, "watch"):
                pass
            assert refused.value.response.status_code == 401


def test_there_is_no_logging_out_by_a_link(example: Example) -> None:
    with example.visitor() as client:
        example.log_in(client, "red-writer")
        assert client.get("/logout").status_code == 405
        assert client.get("/etcd/grant").status_code == 200
