"""What a grant lets through."""

import json
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest

from etcd_asgi import KEY_VALUE, READ_ONLY, Gateway, Grant
from etcd_asgi.testing import EtcdServer
from tests.access.calls import Json, as_user, client_of, text

WRITER, READER = {"x-user": "writer"}, {"x-user": "reader"}
FEW = {"x-user": "few"}


@pytest.fixture
async def client(etcd: EtcdServer) -> AsyncIterator[httpx.AsyncClient]:
    access = as_user(
        writer=Grant(rpcs=KEY_VALUE),
        reader=Grant(rpcs=READ_ONLY, user="rita"),
        few=Grant(max_range_limit=2, max_watches=1, max_body_bytes=500, user="fred"),
    )
    async with client_of(Gateway(etcd.endpoint, access=access)) as client:
        yield client


@pytest.fixture
def key() -> str:
    return f"access/{uuid.uuid4()}/"


def put(key: str) -> Json:
    return {"request_put": {"key": text(key), "value": text("v")}}


def nested(operation: Json) -> Json:
    return {"request_txn": {"failure": [operation], "compare": [], "success": [operation]}}


WRITES = [
    pytest.param(put("k"), id="put"),
    pytest.param({"request_delete_range": {"key": text("k")}}, id="delete"),
    pytest.param(nested(put("k")), id="nested"),
    pytest.param(nested(nested({"request_delete_range": {"key": text("k")}})), id="nested-twice"),
]


@pytest.mark.parametrize("branch", ["success", "failure"])
@pytest.mark.parametrize("operation", WRITES)
async def test_a_reader_writes_nothing_in_a_transaction_either(
    client: httpx.AsyncClient, operation: Json, branch: str
) -> None:
    answer = await client.post("/v3/kv/txn", json={branch: [operation]}, headers=READER)
    assert answer.status_code == 403
    assert answer.json()["message"] in ("KV.Put is not granted", "KV.DeleteRange is not granted")


async def test_a_reader_reads_in_a_transaction(client: httpx.AsyncClient, key: str) -> None:
    assert (
        await client.post("/v3/kv/txn", json={"success": [put(key)]}, headers=WRITER)
    ).status_code == 200
    body = {"success": [nested({"request_range": {"key": text(key)}})]}
    answer = await client.post("/v3/kv/txn", json=body, headers=READER)
    assert answer.status_code == 200
    assert text(key) in answer.text


@pytest.mark.parametrize(
    "path", ["/v3/kv/compaction", "/v3/auth/user/add", "/v3/cluster/member/list"]
)
async def test_keys_and_values_are_no_business_of_administrators(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.post(path, json={}, headers=WRITER)
    assert answer.status_code == 403


async def test_a_range_is_cut_to_the_granted_number_of_keys(
    client: httpx.AsyncClient, key: str
) -> None:
    for name in "abc":
        body = {"key": text(key + name), "value": text(name)}
        await client.post("/v3/kv/put", json=body, headers=WRITER)
    body = {"key": text(key), "range_end": text(key + "z")}
    for limit in ({}, {"limit": 3}, {"limit": -1}):
        answer = await client.post("/v3/kv/range", json=body | limit, headers=FEW)
        assert (len(answer.json()["kvs"]), answer.json()["more"]) == (2, True)
    answer = await client.post(
        "/v3/kv/txn", json={"success": [{"request_range": body}] * 2}, headers=FEW
    )
    found = [one["response_range"] for one in answer.json()["responses"]]
    assert [(len(one["kvs"]), one["more"]) for one in found] == [(1, True)] * 2
    three = {"failure": [{"request_range": {"key": text("k")}}] * 3}
    answer = await client.post("/v3/kv/txn", json=three, headers=FEW)
    assert answer.status_code == 403
    assert "a transaction with 3 ranges is not granted" in answer.json()["message"]
    inside = {"success": [nested({"request_range": body})]}
    answer = await client.post("/v3/kv/txn", json=inside, headers=FEW)
    assert text(key + "b") in answer.text
    assert text(key + "c") not in answer.text


async def test_a_body_is_no_longer_than_granted(client: httpx.AsyncClient, key: str) -> None:
    body = {"key": text(key), "value": text("v" * 600)}
    assert (await client.post("/v3/kv/put", json=body, headers=FEW)).status_code == 413
    assert (await client.post("/v3/watch", json=body, headers=FEW)).status_code == 413
    assert (await client.post("/v3/kv/put", json=body, headers=WRITER)).status_code == 200


async def test_one_watch_too_many_is_refused(client: httpx.AsyncClient, key: str) -> None:
    create = json.dumps({"create_request": {"key": text(key)}})
    answer = await client.post("/v3/watch", content=create * 2, headers=FEW)
    assert "too many open watches: 1 are granted" in answer.text


async def test_a_watch_that_has_ended_makes_room_for_another(
    client: httpx.AsyncClient, key: str
) -> None:
    one = json.dumps({"create_request": {"key": text(key), "watch_id": 5}})
    end = json.dumps({"cancel_request": {"watch_id": 5}})
    for _ in range(3):
        answer = await client.post("/v3/watch", content=one + end, headers=FEW)
        assert answer.status_code == 200
        assert '"canceled":true' in answer.text


async def test_keys_are_those_of_the_namespace(etcd: EtcdServer, key: str) -> None:
    access = as_user(
        writer=Grant(namespace=key.encode()), reader=Grant(), few=Grant(namespace=b"elsewhere/")
    )
    async with client_of(Gateway(etcd.endpoint, access=access)) as client:
        body = {"key": text("k"), "value": text("v")}
        assert (await client.post("/v3/kv/put", json=body, headers=WRITER)).status_code == 200
        everything = {"key": text("\0"), "range_end": text("\0")}
        for user, seen in ((WRITER, ["k"]), (FEW, [])):
            answer = await client.post("/v3/kv/range", json=everything, headers=user)
            assert [kv["key"] for kv in answer.json().get("kvs", [])] == list(map(text, seen))
        answer = await client.post("/v3/kv/range", json={"key": text(key + "k")}, headers=READER)
        assert answer.json()["count"] == "1"


@pytest.mark.parametrize("path", ["/v3/kv/compaction", "/v3/maintenance/snapshot"])
async def test_what_reaches_beyond_a_namespace_is_refused(etcd: EtcdServer, path: str) -> None:
    access = as_user(writer=Grant(namespace=b"here/"))
    async with client_of(Gateway(etcd.endpoint, access=access)) as client:
        answer = await client.post(path, json={}, headers=WRITER)
        assert answer.status_code == 403
        assert "reaches beyond a namespace" in answer.json()["message"]


async def test_the_caller_is_told_what_it_may_do(client: httpx.AsyncClient) -> None:
    answer = await client.get("/grant", headers=READER)
    assert answer.json() == {"rpcs": sorted(READ_ONLY), "namespaced": False, "user": "rita"}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rpcs": frozenset({"KV.Read"})}, r"unknown RPCs \['KV.Read'\]"),
        ({"namespace": "/a/"}, "takes bytes"),
        ({"namespace": b""}, "at least one.*for all of etcd leave it out"),
        ({"user": None}, r"user=\.\.\.\) takes a name, not NoneType"),
        ({"credentials": ("ann", "word")}, "takes Password.user, password., not tuple"),
        ({"max_watches": 0}, "max_watches=.*positive number, not 0"),
        ({"max_range_limit": True}, "max_range_limit=.*positive number, not True"),
    ],
)
def test_a_grant_that_cannot_be_says_how_it_should_be(fields: Json, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Grant(**fields)


def test_a_grant_is_written_without_what_is_nobodys_business() -> None:
    assert repr(Grant(namespace=b"/secret/", user="ann")) == "Grant(user='ann', rpcs=<48 of 48>)"
