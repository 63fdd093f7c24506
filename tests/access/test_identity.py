"""As whom calls are made at etcd."""

from pathlib import Path

import httpx
import pytest

from etcd_asgi import TLS, Gateway, Grant, Limits, Password, allow_anyone
from etcd_asgi.testing import EtcdServer
from tests.access.calls import Json, as_user, client_of, text
from tests.conftest import StartEtcd

ROOT = Password("root", "root-password")
ANN = Password("ann", "ann-password")


@pytest.fixture
async def etcd(start_etcd: StartEtcd) -> EtcdServer:
    """An etcd with auth: root, and ann who may do nothing but ``a*``."""
    server = start_etcd()
    async with client_of(Gateway(server.endpoint)) as client:
        for path, body in (
            ("user/add", {"name": "root", "password": ROOT.password}),
            ("user/grant", {"user": "root", "role": "root"}),
            ("user/add", {"name": "ann", "password": ANN.password}),
            ("role/add", {"name": "a"}),
            (
                "role/grant",
                {"name": "a", "perm": {"permType": 2, "key": text("a"), "range_end": text("b")}},
            ),
            ("user/grant", {"user": "ann", "role": "a"}),
            ("enable", {}),
        ):
            assert (await client.post(f"/v3/auth/{path}", json=body)).status_code == 200
    return server


def put(key: str) -> Json:
    return {"key": text(key), "value": text("v")}


async def test_the_gateway_calls_as_its_own_user(etcd: EtcdServer) -> None:
    limits = Limits(version_timeout=30, health_timeout=30)
    gateway = Gateway(etcd.endpoint, credentials=ROOT, access=allow_anyone, limits=limits)
    async with client_of(gateway) as client:
        assert (await client.post("/v3/kv/put", json=put("z"))).status_code == 200
        assert (await client.get("/health")).json()["health"] == "true"
        assert (await client.get("/version")).json()["etcdserver"] == etcd.version


async def test_a_grant_names_the_user_that_stands_for_its_caller(etcd: EtcdServer) -> None:
    access = as_user(ann=Grant(credentials=ANN), boss=Grant(), nobody=Grant(forward_token=True))
    gateway = Gateway(etcd.endpoint, credentials=ROOT, access=access)
    async with client_of(gateway) as client:
        for user, key, status in [
            ("ann", "a1", 200),
            ("ann", "z1", 403),
            ("boss", "z1", 200),
            ("nobody", "a1", 400),  # etcd: user name is empty
        ]:
            answer = await client.post("/v3/kv/put", json=put(key), headers={"x-user": user})
            assert answer.status_code == status, answer.text


@pytest.mark.parametrize("header", ["authorization", "grpc-metadata-token"])
async def test_a_clients_own_token_counts_only_when_it_is_forwarded(
    etcd: EtcdServer, header: str
) -> None:
    access = as_user(ann=Grant(credentials=ANN), nobody=Grant(forward_token=True))
    async with client_of(Gateway(etcd.endpoint, access=access)) as client:
        login = await _login(client)
        for user, status in (("nobody", 200), ("ann", 403)):
            headers = {"x-user": user, header: login}
            answer = await client.post("/v3/kv/put", json=put("z2"), headers=headers)
            assert answer.status_code == status, answer.text


async def _login(client: httpx.AsyncClient) -> str:
    body = {"name": ROOT.user, "password": ROOT.password}
    answer = await client.post("/v3/auth/authenticate", json=body, headers={"x-user": "nobody"})
    token: str = answer.json()["token"]
    return token


async def test_a_restart_of_etcd_is_one_slower_call(etcd: EtcdServer) -> None:
    gateway = Gateway(etcd.endpoint, credentials=ROOT, access=allow_anyone)
    async with client_of(gateway) as client:
        assert (await client.post("/v3/kv/put", json=put("r"))).status_code == 200
        etcd.restart()  # it has forgotten its tokens
        while (answer := await client.post("/v3/kv/put", json=put("r"))).status_code == 503:
            pass
        assert answer.status_code == 200, answer.text


async def test_watches_are_made_as_the_user_too(etcd: EtcdServer) -> None:
    gateway = Gateway(etcd.endpoint, access=as_user(ann=Grant(credentials=ANN)))
    async with client_of(gateway) as client:
        body = {"create_request": {"key": text("z")}}
        answer = await client.post("/v3/watch", json=body, headers={"x-user": "ann"})
        assert "permission denied" in answer.text
        assert "token" not in answer.text


@pytest.mark.parametrize(
    "own",
    [{"credentials": ROOT}, {"tls": TLS(cert=Path("client.pem"), key=Path("client.key"))}],
    ids=["password", "certificate"],
)
def test_a_gateway_does_not_lend_its_own_rights_unasked(own: Json) -> None:
    with pytest.raises(ValueError, match=r"access=etcd_asgi\.allow_anyone"):
        Gateway("https://127.0.0.1:2379", **own)


def test_a_call_is_made_as_one_user() -> None:
    with pytest.raises(ValueError, match="as one etcd user"):
        Grant(credentials=ANN, forward_token=True)


def test_passwords_are_in_no_repr() -> None:
    gateway = Gateway("http://127.0.0.1:2379", credentials=ROOT, access=allow_anyone)
    assert ROOT.password not in repr(ROOT) + repr(gateway) + repr(Grant(credentials=ROOT))
