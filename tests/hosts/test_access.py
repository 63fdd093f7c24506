"""The host's decision, in a host with a login of its own."""

import httpx
import pytest

from etcd_asgi.testing import EtcdServer
from tests.hosts.conftest import Serve
from tests.hosts.serving import AppServer
from tests.hosts.target import text

USER = {"x-user": "ada"}
HOOKS = ["sync", "async", "object"]


@pytest.fixture(scope="module")
def app(serve: Serve, etcd: EtcdServer) -> AppServer:
    return serve("tests.hosts.apps.guarded:app", etcd.endpoint)


def call(app: AppServer, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.post(app.url + path, json={"key": text("k")}, headers=headers)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_user_of_the_host_may_call_what_is_granted(app: AppServer, hook: str) -> None:
    assert call(app, f"/{hook}/v3/kv/range", USER).status_code == 200


@pytest.mark.parametrize("hook", HOOKS)
def test_an_rpc_that_is_not_granted_is_denied(app: AppServer, hook: str) -> None:
    answer = call(app, f"/{hook}/v3/kv/put", USER)
    assert (answer.status_code, answer.json()["code"]) == (403, 7)
    assert "KV.Put" in answer.json()["message"]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_stranger_is_denied_with_the_hosts_words(app: AppServer, hook: str) -> None:
    answer = call(app, f"/{hook}/v3/kv/range")
    assert answer.status_code == 401
    assert answer.json() == {"code": 16, "message": "log in first"}


def test_a_denial_has_the_error_body_of_its_flavour(app: AppServer) -> None:
    answer = call(app, "/sync/v3beta/kv/range")
    assert answer.status_code == 401
    assert answer.json() == {"error": "log in first", "code": 16, "message": "log in first"}


@pytest.mark.parametrize("hook", HOOKS)
def test_a_stranger_is_not_told_the_version(app: AppServer, hook: str) -> None:
    assert httpx.get(f"{app.url}/{hook}/version").status_code == 401
    assert httpx.get(f"{app.url}/{hook}/version", headers=USER).status_code == 200


def test_a_denial_may_have_any_error_status(app: AppServer) -> None:
    answer = call(app, "/teapot/v3/kv/range")
    assert (answer.status_code, answer.json()["message"]) == (418, "short and stout")


def test_an_exception_as_fastapi_has_them_is_a_denial_too(app: AppServer) -> None:
    answer = call(app, "/http-exception/v3/kv/range")
    assert answer.status_code == 403
    assert answer.json() == {"code": 7, "message": "not on Sundays"}


@pytest.mark.parametrize("path", ["/v3/kv/range", "/version"])
@pytest.mark.parametrize(
    ("hook", "logged"),
    [("none", "but must return a Grant"), ("raises", "RuntimeError: the database password")],
)
def test_a_mistake_of_the_host_is_a_500_without_details_and_is_logged(
    app: AppServer, hook: str, logged: str, path: str
) -> None:
    seen = app.log.count(logged)
    url = f"{app.url}/{hook}{path}"
    answer = httpx.get(url) if path == "/version" else httpx.post(url, json={"key": text("k")})
    assert answer.status_code == 500
    assert answer.json() == {"code": 13, "message": "internal error"}
    assert app.log.count(logged) > seen


def test_a_denied_request_does_not_reach_etcd(app: AppServer, etcd: EtcdServer, key: str) -> None:
    body = {"key": text(key), "value": text("denied")}
    assert httpx.post(f"{app.url}/sync/v3/kv/put", json=body, headers=USER).status_code == 403
    found = httpx.post(f"{etcd.endpoint}/v3/kv/range", json={"key": text(key)})
    assert "kvs" not in found.json()
