"""What stays out of the logs, at their most detailed."""

import logging
from base64 import b64encode
from typing import Any

import httpx
import pytest

from etcd_asgi import Denied, Gateway, Grant, Password
from etcd_asgi.testing import EtcdServer
from tests.access.calls import client_of
from tests.conftest import StartEtcd

SECRET = "nobodys-business"
CODED = b64encode(SECRET.encode()).decode()
HEADERS = {
    "authorization": f"Bearer {SECRET}",
    "cookie": f"session={SECRET}",
    "grpc-metadata-token": SECRET,
    "content-type": "application/json",
}
BODIES: list[Any] = [
    {"key": CODED, "value": CODED},
    {"key": CODED, "value": 7},
    {"name": CODED, "password": SECRET},
    {"create_request": {"key": CODED, "start_revision": SECRET}},
    {"ID": SECRET, SECRET: 1},
]
PATHS = ["kv/put", "kv/range", "kv/txn", "watch", "auth/authenticate", "lease/keepalive", SECRET]


async def everything(client: httpx.AsyncClient) -> None:
    """Calls that work, and calls that fail in many ways, with secrets in all places."""
    for path in PATHS:
        for body in BODIES:
            await client.post(f"/v3/{path}?token={SECRET}", json=body, headers=HEADERS)
        await client.post(f"/v3/{path}", content=f'{{"{SECRET}', headers=HEADERS)


def assert_quiet(caplog: pytest.LogCaptureFixture) -> None:
    records = [record for record in caplog.records if record.name.startswith("etcd_asgi")]
    told = " ".join(f"{record.getMessage()} {record.exc_text or ''}" for record in records)
    for secret in (SECRET, CODED):
        assert secret not in told.replace(f"/v3/{SECRET}", "")


async def test_logs_hold_nothing_that_is_nobodys_business(
    etcd: EtcdServer, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(conn: Any) -> Grant:
        raise Denied(401, "log in first")

    caplog.set_level(logging.DEBUG)
    accesses: list[Any] = [lambda conn: Grant(), lambda conn: Grant(forward_token=True), refuse]
    for access in accesses:
        async with client_of(Gateway(etcd.endpoint, access=access)) as client:
            await everything(client)
    assert_quiet(caplog)


@pytest.fixture
def locked_etcd(start_etcd: StartEtcd) -> EtcdServer:
    etcd = start_etcd()
    auth = f"{etcd.endpoint}/v3/auth"
    httpx.post(f"{auth}/user/add", json={"name": "root", "password": "root"})
    httpx.post(f"{auth}/user/grant", json={"user": "root", "role": "root"})
    assert httpx.post(f"{auth}/enable", json={}).status_code == 200
    return etcd


async def test_a_password_that_etcd_refuses_is_not_logged(
    locked_etcd: EtcdServer, caplog: pytest.LogCaptureFixture
) -> None:
    etcd = locked_etcd
    caplog.set_level(logging.DEBUG)
    gateway = Gateway(
        etcd.endpoint, credentials=Password("root", SECRET), access=lambda conn: Grant()
    )
    async with client_of(gateway) as client:
        await client.post("/v3/kv/range", json={"key": CODED})
    etcd.kill()
    async with client_of(gateway) as client:
        await client.post("/v3/kv/range", json={"key": CODED})
    assert any(record.name.startswith("etcd_asgi") for record in caplog.records)
    assert_quiet(caplog)
