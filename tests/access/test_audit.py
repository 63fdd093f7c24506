"""One record for each write."""

import json
import logging
import uuid

import pytest

from etcd_asgi import AuditRecord, Gateway, Grant
from etcd_asgi.testing import EtcdServer
from tests.access.calls import as_user, client_of, text

HEADERS = {"x-user": "ann", "authorization": "Bearer secret-token"}


async def test_each_write_is_told_with_its_outcome(etcd: EtcdServer) -> None:
    records: list[AuditRecord] = []
    key = f"audit/{uuid.uuid4()}"
    access = as_user(ann=Grant(user="ann"))
    async with client_of(Gateway(etcd.endpoint, access=access, audit=records.append)) as client:
        put = {"key": text(key), "value": text("secret-value")}
        revision = (await client.post("/v3/kv/put", json=put, headers=HEADERS)).json()["header"][
            "revision"
        ]
        await client.post("/v3/kv/range", json={"key": text(key)}, headers=HEADERS)
        await client.post("/v3/kv/put", json=put | {"lease": 7}, headers=HEADERS)
        await client.post(
            "/v3/kv/deleterange",
            json={"key": text(key), "range_end": text(key + "0")},
            headers=HEADERS,
        )
    assert [(one.rpc, one.keys, one.outcome) for one in records] == [
        ("KV.Put", (key,), "OK"),
        ("KV.Put", (key,), "NOT_FOUND"),
        ("KV.DeleteRange", (f"{key}..{key}0",), "OK"),
    ]
    assert (records[0].user, records[0].client) == ("ann", "127.0.0.1")
    assert records[0].revision == int(revision)
    assert "secret" not in str(records)


async def test_a_transaction_names_the_keys_that_it_writes(etcd: EtcdServer) -> None:
    records: list[AuditRecord] = []
    key = f"audit/{uuid.uuid4()}/"
    puts = [{"request_put": {"key": text(f"{key}{number}")}} for number in range(20)]
    async with client_of(Gateway(etcd.endpoint, audit=records.append)) as client:
        body = {"success": [{"request_txn": {"success": puts}}]}
        assert (await client.post("/v3/kv/txn", json=body)).status_code == 200
        reads = {"success": [{"request_range": {"key": text(key)}}]}
        assert (await client.post("/v3/kv/txn", json=reads)).status_code == 200
    (record,) = records
    assert record.keys == tuple(f"{key}{number}" for number in range(16))
    assert record.more_keys == 4


async def test_what_was_refused_is_told_too(etcd: EtcdServer) -> None:
    records: list[AuditRecord] = []
    access = as_user(ann=Grant(rpcs=frozenset(), user="ann"))
    async with client_of(Gateway(etcd.endpoint, access=access, audit=records.append)) as client:
        await client.post("/v3/kv/put", json={}, headers=HEADERS)
    assert [(one.rpc, one.outcome) for one in records] == [("KV.Put", "PERMISSION_DENIED")]


async def test_a_line_of_json_is_logged(etcd: EtcdServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "etcd_asgi.audit")
    async with client_of(Gateway(etcd.endpoint, audit=True)) as client:
        await client.post("/v3/kv/put", json={"key": text("a\nb\x00"), "value": text("v")})
    line = caplog.messages[-1]
    assert "\n" not in line
    assert json.loads(line)["keys"] == ["a\nb\x00"]


async def test_nothing_is_logged_unasked(
    etcd: EtcdServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "etcd_asgi")
    async with client_of(Gateway(etcd.endpoint)) as client:
        await client.post("/v3/kv/put", json={"key": text("quiet"), "value": text("v")})
    assert not caplog.messages
