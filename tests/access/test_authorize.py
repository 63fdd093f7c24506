"""The host's word on each message."""

import json
import threading
import uuid
from typing import Any

import pytest

from etcd_asgi import FULL, READ_ONLY, Denied, Gateway, Grant, passthrough
from etcd_asgi.policy.guard import MAX_OPERATIONS, TOO_LONG, Authorize
from etcd_asgi.testing import EtcdServer
from tests.access.calls import as_user, client_of, text
from tests.conftest import StartEtcd

FORBIDDEN = text("forbidden")
DENIED = {"code": 7, "message": "not this key"}


def check(conn: Any, rpc: str, message: Any) -> None:
    if rpc == "KV.Put" and message.key == b"forbidden":
        raise Denied(403, "not this key")
    if rpc == "Watch.Watch" and message.create_request.key == b"forbidden":
        raise Denied(403, "not this key")


async def check_async(conn: Any, rpc: str, message: Any) -> None:
    check(conn, rpc, message)


PUT = {"request_put": {"key": FORBIDDEN}}
BODIES = [
    pytest.param("/v3/kv/put", {"key": FORBIDDEN}, id="put"),
    pytest.param("/v3/kv/txn", {"failure": [PUT]}, id="txn"),
    pytest.param("/v3/kv/txn", {"success": [{"request_txn": {"success": [PUT]}}]}, id="nested"),
    pytest.param("/v3/watch", {"create_request": {"key": FORBIDDEN}}, id="watch"),
]


@pytest.mark.parametrize("authorize", [check, check_async])
@pytest.mark.parametrize(("path", "body"), BODIES)
async def test_a_message_is_refused_wherever_it_stands(
    etcd: EtcdServer, authorize: Authorize, path: str, body: Any
) -> None:
    async with client_of(Gateway(etcd.endpoint, authorize=authorize)) as client:
        answer = await client.post(path, json=body)
        assert (answer.status_code, answer.json()) == (403, DENIED)


async def test_a_later_message_of_a_stream_is_refused_too(etcd: EtcdServer) -> None:
    allowed = {"create_request": {"key": text(str(uuid.uuid4()))}}
    forbidden = {"create_request": {"key": FORBIDDEN}}
    async with client_of(Gateway(etcd.endpoint, authorize=check)) as client:
        body = json.dumps(allowed) + json.dumps(forbidden)
        answer = await client.post("/v3/watch", content=body)
        assert "not this key" in answer.text


async def test_a_plain_function_may_block(etcd: EtcdServer) -> None:
    threads = []

    def authorize(conn: Any, rpc: str, message: Any) -> bool:
        threads.append(threading.current_thread())
        return True

    async with client_of(Gateway(etcd.endpoint, authorize=authorize)) as client:
        assert (await client.post("/v3/kv/range", json={"key": FORBIDDEN})).status_code == 200
    assert threads
    assert threads != [threading.current_thread()]


async def test_false_is_a_refusal(etcd: EtcdServer) -> None:
    async with client_of(Gateway(etcd.endpoint, authorize=lambda *_: False)) as client:
        answer = await client.post("/v3/kv/range", json={"key": FORBIDDEN})
        assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/v3/kv/range", "/v3/watch"])
@pytest.mark.parametrize(
    "authorize",
    [
        pytest.param(lambda *_: 1 / 0, id="raises"),
        pytest.param(lambda *_: "yes", id="returns-something-else"),
    ],
)
async def test_a_mistake_in_it_opens_no_door(
    etcd: EtcdServer, authorize: Any, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"create_request": {"key": FORBIDDEN}, "key": FORBIDDEN}
    async with client_of(Gateway(etcd.endpoint, authorize=authorize)) as client:
        answer = await client.post(path, json=body)
    assert (answer.status_code, answer.json()["message"]) == (500, "internal error")
    assert caplog.records[-1].exc_info


async def test_the_login_of_the_host_does_not_reach_etcd(etcd: EtcdServer) -> None:
    seen: list[Any] = []

    class Recorder:
        async def unary(self, rpc: str, request: bytes, metadata: Any, timeout: Any) -> bytes:
            seen.append(dict(metadata))
            return b""

        def server_stream(self, rpc: str, *given: Any) -> Any:
            raise AssertionError(rpc)

        def bidi(self, rpc: str, *given: Any) -> Any:
            raise AssertionError(rpc)

        async def aclose(self) -> None: ...

    async def mine(conn: Any) -> Grant:
        return Grant(rpcs=FULL)

    headers = {
        "authorization": "Bearer of-the-host",
        "cookie": "session=of-the-host",
        "grpc-metadata-token": "of-the-host",
        "grpc-metadata-authorization": "of-the-host",
        "grpc-metadata-grpcgateway-authorization": "of-the-host",
        "grpc-metadata-grpcgateway-cookie": "of-the-host",
        "content-type": "application/json",
    }
    for access in (mine, passthrough):
        async with client_of(Gateway(Recorder(), access=access)) as client:
            await client.post("/v3/kv/range", json={"key": FORBIDDEN}, headers=headers)
    bounded, forwarded = seen
    assert "of-the-host" not in str(bounded)
    assert forwarded["token"] == "of-the-host"


async def test_a_transaction_of_very_many_operations_is_refused_before_any_is_asked_about(
    etcd: EtcdServer,
) -> None:
    asked = []

    def authorize(conn: Any, rpc: str, message: Any) -> None:
        asked.append(rpc)

    operations: list[Any] = [{"request_range": {}}] * MAX_OPERATIONS
    inner: Any = {"request_txn": {"failure": [{"request_put": {}}]}}
    async with client_of(Gateway(etcd.endpoint, authorize=authorize)) as client:
        answer = await client.post("/v3/kv/txn", json={"success": [*operations[2:], inner, inner]})
    assert answer.status_code == 400
    assert f"at most {MAX_OPERATIONS} operations" in answer.json()["message"]
    assert asked == []


@pytest.mark.parametrize("member", ["success", "failure", "compare"])
async def test_what_is_empty_counts_too(etcd: EtcdServer, member: str) -> None:
    """Hundreds of thousands of them fit into a body, and would hold the event loop for long."""
    access = as_user(red=Grant(rpcs=READ_ONLY, namespace=b"/red/"))
    empty: Any = {member: [{}] * (MAX_OPERATIONS + 1)}
    headers = {"x-user": "red"}
    async with client_of(Gateway(etcd.endpoint, access=access, audit=True)) as client:
        for body in (empty, {"success": [{"request_txn": empty}]}):
            answer = await client.post("/v3/kv/txn", json=body, headers=headers)
            assert (answer.status_code, answer.json()["message"]) == (400, TOO_LONG)


@pytest.mark.parametrize("release", ["3.5.1", "3.6.14"])
async def test_a_range_sorted_by_something_unknown_does_not_reach_etcd(
    start_etcd: StartEtcd, release: str
) -> None:
    """etcd 3.5 would end; later releases say what is said here."""
    etcd = start_etcd(release)
    everything = {"key": "AA==", "range_end": "AA==", "sort_order": 1, "sort_target": 99}
    access = as_user(red=Grant(rpcs=READ_ONLY))
    headers = {"x-user": "red"}
    async with client_of(Gateway(etcd.endpoint, access=access)) as client:
        for path, body in (
            ("range", everything),
            ("txn", {"success": [{"request_range": everything}]}),
            ("txn", {"success": [{"request_txn": {"failure": [{"request_range": everything}]}}]}),
        ):
            answer = await client.post(f"/v3/kv/{path}", json=body, headers=headers)
            assert answer.status_code == 400
            assert answer.json()["message"] == "etcdserver: invalid sort option"
    assert etcd.running
