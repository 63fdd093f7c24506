"""Users of the host who stand for etcd's users, while etcd and its users change."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from etcd_asgi.testing import EtcdServer
from etcd_asgi.upstream.auth.login import NO_LOGIN
from tests.conftest import StartEtcd
from tests.etcds.releases import OFFICIAL
from tests.hosts.conftest import Serve
from tests.hosts.serving import DEADLINE, AppServer, until
from tests.hosts.target import text

APP = "tests.hosts.apps.signed:app"
USERS = ("ada", "bob")


class Auth:
    """etcd's own access control, managed past the gateway."""

    def __init__(self, etcd: EtcdServer) -> None:
        self._etcd = etcd
        self._is_on = False

    def __call__(self, path: str, **body: Any) -> Any:
        headers = {"Authorization": self._token()} if self._is_on else {}
        return self._post(path, body, headers)

    def add(self, name: str) -> None:
        """Add a user who may do everything with keys that begin with the name and a slash."""
        self("user/add", name=name, password=f"{name}-password")
        self("role/add", name=name)
        self.allow(name, f"{name}/", f"{name}0")
        self("user/grant", user=name, role=name)

    def allow(self, role: str, key: str, end: str) -> None:
        perm = {"permType": "READWRITE", "key": text(key), "range_end": text(end)}
        self("role/grant", name=role, perm=perm)

    def enable(self) -> None:
        """Switch it on, with a root user."""
        self("user/add", name="root", password="root-password")
        self("role/add", name="root")
        self("user/grant", user="root", role="root")
        self("enable")
        self._is_on = True

    def disable(self) -> None:
        """Switch it off."""
        self("disable")
        self._is_on = False

    def _token(self) -> str:
        body = {"name": "root", "password": "root-password"}
        token: str = self._post("authenticate", body, {})["token"]
        return token

    def _post(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
        url = f"{self._etcd.endpoint}/v3/auth/{path}"
        answer = httpx.post(url, json=body, headers=headers, timeout=DEADLINE)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def etcd_with_users(start_etcd: StartEtcd) -> EtcdServer:
    return start_etcd(OFFICIAL, "--bcrypt-cost=4")


@pytest.fixture
def auth(etcd_with_users: EtcdServer) -> Auth:
    auth = Auth(etcd_with_users)
    for name in USERS:
        auth.add(name)
    auth.enable()
    return auth


@pytest.fixture
def app(serve: Serve, auth: Auth, etcd_with_users: EtcdServer) -> AppServer:
    return serve(APP, etcd_with_users.endpoint)


def call(app: AppServer, user: str, key: str, rpc: str = "range", **headers: str) -> httpx.Response:
    body = {"key": text(key), **({"value": text("v")} if rpc == "put" else {})}
    mount = f"/each/v3/kv/{rpc}" if user else f"/own/v3/kv/{rpc}"
    named = {"x-user": user} if user else {}
    return httpx.post(app.url + mount, json=body, headers=named | headers, timeout=DEADLINE)


def all_may(app: AppServer) -> None:
    """Each user of the host, and the gateway itself, gets 200 for the own keys and 403 else."""
    for user, own, other in (
        ("ada", "ada/", "bob/"),
        ("bob", "bob/", "ada/"),
        ("", "ada/", "bob/"),
    ):
        for rpc in ("put", "range"):
            answer = call(app, user, f"{own}k", rpc)
            assert answer.status_code == 200, answer.text
            refused = call(app, user, f"{other}k", rpc)
            assert (refused.status_code, refused.json()["message"]) == (
                403,
                "etcdserver: permission denied",
            )


def until_reached(app: AppServer) -> None:
    """Wait until the gateways have found a restarted etcd; nobody logs in for that."""
    for mount in ("/own", "/each"):
        until(
            lambda: httpx.get(f"{app.url}{mount}/health", timeout=DEADLINE).status_code == 200,  # noqa: B023 - called at once
            f"{mount} reaches etcd",
        )


def test_each_user_of_the_host_is_another_user_of_etcd(app: AppServer) -> None:
    all_may(app)
    assert call(app, "mallory", "ada/k").status_code == 401


def test_a_token_or_a_login_of_the_clients_own_has_no_effect(app: AppServer) -> None:
    for headers in (
        {"Authorization": "Bearer of-the-host"},
        {"Grpc-Metadata-Token": "nonsense"},
        {"Grpc-Metadata-Authorization": "nonsense"},
    ):
        for user in ("ada", ""):
            assert call(app, user, "ada/k", **headers).status_code == 200


def test_a_restart_of_etcd_is_noticed_by_nobody(
    app: AppServer, etcd_with_users: EtcdServer
) -> None:
    all_may(app)
    etcd_with_users.restart()
    until_reached(app)
    all_may(app)
    assert "Traceback" not in app.log
    assert "cannot log in" not in app.log


def test_many_requests_of_both_users_go_on_through_changes_of_roles(
    app: AppServer, auth: Auth
) -> None:
    over = threading.Event()

    def ask(user: str) -> list[int]:
        seen = []
        while not over.is_set():
            seen.append(call(app, user, f"{user}/k", "put").status_code)
        return seen

    with ThreadPoolExecutor() as pool:
        asking = [pool.submit(ask, user) for user in USERS * 2]
        for i in range(10):
            auth("role/add", name=f"role{i}")
            auth("user/grant", user="ada", role=f"role{i}")
        over.set()
    for one in asking:
        assert set(one.result()) == {200}


def test_auth_switched_off_and_on_is_noticed_by_nobody(app: AppServer, auth: Auth) -> None:
    all_may(app)
    auth.disable()
    for key in ("ada/k", "bob/k"):
        assert call(app, "ada", key).status_code == 200
    auth("enable")
    auth._is_on = True
    all_may(app)


@pytest.fixture
def jwt(start_etcd: StartEtcd, etcd_release: str, tmp_path: Path) -> EtcdServer:
    secret = tmp_path / "secret"
    secret.write_bytes(b"of-all-members-of-the-cluster")
    flag = f"--auth-token=jwt,priv-key={secret},sign-method=HS256,ttl=10m"
    return start_etcd(etcd_release, flag, "--bcrypt-cost=4")


def test_with_jwt_a_changed_role_is_effective_with_the_next_call(
    serve: Serve, jwt: EtcdServer
) -> None:
    """Every change makes all such tokens out of date."""
    auth = Auth(jwt)
    for name in USERS:
        auth.add(name)
    auth.enable()
    app = serve(APP, jwt.endpoint)
    all_may(app)
    auth.allow("ada", "shared/", "shared0")
    assert call(app, "ada", "shared/k", "put").status_code == 200
    assert call(app, "bob", "shared/k", "put").status_code == 403
    auth("role/revoke", role="ada", key=text("shared/"), range_end=text("shared0"))
    assert call(app, "ada", "shared/k", "put").status_code == 403
    all_may(app)


def test_a_login_that_etcd_refuses_is_a_503_without_names(app: AppServer, auth: Auth) -> None:
    auth("user/add", name="eve", password="right-password")
    answer = call(app, "eve", "eve/k")
    assert answer.status_code == 503
    assert answer.json() == {"code": 14, "message": NO_LOGIN}
    until(lambda: "'eve' cannot log in" in app.log, "the log says who")
    assert "wr0ng" not in app.log
    auth("user/changepw", name="eve", password="wr0ng-password")
    until(lambda: call(app, "eve", "eve/k").status_code == 403, "eve is let in")


def watch(app: AppServer, user: str, key: str, frames: list[Any], begun: threading.Event) -> None:
    """Watch *key* up to the first event."""
    body = {"create_request": {"key": text(key)}}
    with (
        httpx.Client(timeout=DEADLINE, headers={"x-user": user}) as client,
        client.stream("POST", f"{app.url}/each/v3/watch", json=body) as answer,
    ):
        for line in answer.iter_lines():
            frames.append(json.loads(line))
            begun.set()
            if "events" in frames[-1].get("result", {}) or "error" in frames[-1]:
                return


def test_a_watch_begun_after_a_restart_is_only_slower(
    app: AppServer, etcd_with_users: EtcdServer
) -> None:
    """The stream is the first call with the token that is gone."""
    all_may(app)
    etcd_with_users.restart()
    until_reached(app)
    frames: list[Any] = []
    begun = threading.Event()
    with ThreadPoolExecutor() as pool:
        watching = pool.submit(watch, app, "bob", "bob/k", frames, begun)
        assert begun.wait(DEADLINE)
        assert call(app, "bob", "bob/k", "put").status_code == 200
        watching.result(DEADLINE)
    assert frames[0]["result"]["created"] is True
    assert "canceled" not in frames[0]["result"]
    assert frames[-1]["result"]["events"][0]["kv"]["key"] == text("bob/k")
