"""What clients lean on that cannot be installed here, each as it puts it on the wire.

Their names stand in the tests; docs/clients.md says where each habit was read.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_websocket

from tests.clients.running import Gateway, add_users, gateway
from tests.clients.wire import TIMEOUT, Wire, connect
from tests.hosts.serving import until

JSON = {"Content-Type": "application/json"}
MANY = 200


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway("root", tmp_path_factory.mktemp("habits")) as served:
        yield served


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose etcd asks for a token."""
    with gateway("root", tmp_path_factory.mktemp("locked")) as served:
        add_users(served, {"root": "hunter2"})
        yield served


@pytest.fixture
def wire(served: Gateway) -> Iterator[Wire]:
    with connect(served.port) as wire:
        yield wire


@pytest.fixture
def second(served: Gateway) -> Iterator[Wire]:
    """A connection beside that of a watch."""
    with connect(served.port) as wire:
        yield wire


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """A key of this test alone."""
    return f"{request.node.name}/"


def test_the_etcd_behind_has_no_json_api_of_its_own(served: Gateway) -> None:
    """So what the clients here have got, they have got from ours."""
    with connect(served.etcd.client_port) as etcd:
        etcd.send("/v3/kv/range", b"{}", JSON)
        assert etcd.head().status == 404


def test_lua_resty_etcd_leaves_out_the_body_its_length_and_its_type(wire: Wire) -> None:
    """It sends no body for an empty table; the same connection then serves the next request."""
    for _ in range(2):
        wire.send("/v3/lease/leases")
        status, answer = wire.whole()
        assert (status, answer["header"]["revision"].isdigit()) == (200, True)


def test_lua_resty_etcd_sets_a_key_that_is_not_there(wire: Wire, key: str) -> None:
    """With the names of protobuf's JSON where etcd's documents have the others."""
    compare = [{"target": "CREATE", "key": b64(key), "createRevision": 0}]
    put = {"requestPut": {"key": b64(key), "value": b64('{"a":1}')}}
    for succeeded in (True, False):
        status, answer = wire.call("/v3/kv/txn", {"compare": compare, "success": [put]})
        assert (status, answer.get("succeeded", False)) == (200, succeeded)
    _, found = wire.call("/v3/kv/range", {"key": b64(key), "serializable": True})
    assert b64decode(found["kvs"][0]["value"]) == b'{"a":1}'


def test_lua_resty_etcd_decodes_each_chunk_of_a_watch_by_itself(
    wire: Wire, second: Wire, key: str
) -> None:
    """Also when events come faster than they are read; later releases look for the newline."""
    wire.send("/v3/watch", create(key))
    assert wire.head().status == 200
    assert json.loads(wire.chunk())["result"]["created"] is True
    for number in range(MANY):
        put(second, key, str(number))
    values: list[int] = []
    while len(values) < MANY:
        chunk = wire.chunk()
        assert chunk.endswith(b"\n")
        result = json.loads(chunk)["result"]
        assert int(result["header"]["revision"]) > 0
        values += [int(b64decode(event["kv"]["value"])) for event in result["events"]]
    assert values == list(range(MANY))


def test_lua_resty_etcd_leaves_a_quiet_watch_and_goes_on_from_the_last_revision(
    served: Gateway, second: Wire, key: str
) -> None:
    with connect(served.port) as first:
        first.send("/v3/watch", create(key))
        first.head()
        created = json.loads(first.chunk())["result"]["header"]["revision"]
        first.reset()
    put(second, key, "missed")
    with connect(served.port) as again:
        again.send("/v3/watch", create(key, start_revision=int(created) + 1))
        again.head()
        assert json.loads(again.chunk())["result"]["created"] is True
        event = json.loads(again.chunk())["result"]["events"][0]
        assert b64decode(event["kv"]["value"]) == b"missed"
    until(lambda: served.watchers == 0, "etcd has closed both watches")


def test_lua_resty_etcd_sends_the_bare_token_with_every_request(locked: Gateway, key: str) -> None:
    """Its refusal is told by statuses below 500: those from 500 on mark a server as broken."""
    with connect(locked.port) as wire:
        status, answer = wire.call("/v3/auth/authenticate", {"name": "root", "password": "hunter2"})
        assert status == 200
        bare = {"Authorization": answer["token"]}
        assert wire.call("/v3/kv/put", {"key": b64(key), "value": ""}, bare)[0] == 200
        assert wire.call("/v3/kv/range", {"key": b64(key)})[0] == 400
        assert wire.call("/v3/kv/range", {"key": b64(key)}, {"Authorization": "old.1"})[0] == 401
        wire.send("/v3/watch", create(key), bare)
        assert wire.head().status == 200
        assert json.loads(wire.chunk())["result"]["created"] is True


def test_net_etcd_keeps_the_last_piece_of_an_answer_and_takes_only_200_for_success(
    wire: Wire, key: str
) -> None:
    """Under /v3beta, with the whole of a unary answer in one piece that has a length."""
    wire.send("/v3beta/kv/put", body(key=b64(key), value=b64("1")), JSON)
    assert wire.whole()[0] == 200
    status, answer = wire.call("/v3beta/kv/range", {"key": b64(key)}, JSON)
    assert (status, answer["count"]) == (200, "1")


def test_net_etcd_authenticates_again_at_401(locked: Gateway, key: str) -> None:
    with connect(locked.port) as wire:
        old = {**JSON, "Authorization": "old.1"}
        assert wire.call("/v3beta/kv/range", {"key": b64(key)}, old)[0] == 401
        login = {"name": "root", "password": "hunter2"}
        token = wire.call("/v3beta/auth/authenticate", login, JSON)[1]["token"]
        new = {**JSON, "Authorization": token}
        assert wire.call("/v3beta/kv/range", {"key": b64(key)}, new)[0] == 200


def test_txaio_etcd_opens_all_its_watches_in_one_body(wire: Wire, second: Wire, key: str) -> None:
    """One value a line, with null for a revision that it does not name, and without a type."""
    creates = [create(key + name, start_revision=None, progress_notify=True) for name in "ab"]
    wire.send("/v3/watch", b"\n".join(creates))
    assert wire.head().status == 200
    opened = [json.loads(wire.chunk())["result"] for _ in creates]
    assert [one["created"] for one in opened] == [True, True]
    for name in "ba":
        put(second, key + name, name)
        event = json.loads(wire.chunk())["result"]["events"][0]
        assert b64decode(event["kv"]["key"]).decode() == key + name


def test_nofuse_reads_a_revision_in_the_header_of_every_answer(wire: Wire, key: str) -> None:
    _, lease = wire.call("/v3/lease/grant", {"TTL": 60})
    calls: list[tuple[str, dict[str, Any]]] = [
        ("kv/put", {"key": b64(key), "value": b64("1"), "lease": lease["ID"]}),
        ("kv/range", {"key": b64(key)}),
        ("kv/deleterange", {"key": b64(key)}),
        ("kv/txn", {"success": [{"request_range": {"key": b64(key)}}]}),
        ("lease/timetolive", {"ID": lease["ID"]}),
        ("lease/revoke", {"ID": lease["ID"]}),
    ]
    for rpc, message in calls:
        status, answer = wire.call(f"/v3/{rpc}", message)
        assert (rpc, status, answer["header"]["revision"].isdigit()) == (rpc, 200, True)


def test_tablepro_falls_back_where_a_version_is_not_served(wire: Wire) -> None:
    wire.send("/v3alpha/maintenance/status", b"{}", JSON)
    assert wire.head().status == 404


def test_etcd3gw_hangs_up_on_a_watch_and_etcd_forgets_it(served: Gateway, key: str) -> None:
    with connect(served.port) as wire:
        wire.send("/v3/watch", create(key), JSON)
        wire.head()
        wire.chunk()
        until(lambda: served.watchers == 1, "etcd has this watch alone")
        wire.reset()
    until(lambda: served.watchers == 0, "etcd has closed the watch")


def test_vitastor_has_several_watches_on_one_websocket(
    served: Gateway, second: Wire, key: str
) -> None:
    """With numbers of its own, and strings for revisions."""
    revision = second.call("/v3/kv/range", {"key": b64(key)})[1]["header"]["revision"]
    with websocket(served) as socket:
        for number, name in enumerate("abc", start=1):
            first = {"watch_id": number, "start_revision": str(int(revision) + 1)}
            socket.send(create(key + name, **first, progress_notify=True).decode())
        opened = {receive(socket)["watch_id"] for _ in "abc"}
        assert opened == {"1", "2", "3"}
        put(second, key + "b", "{}")
        assert receive(socket)["watch_id"] == "2"
        put(second, key + "c", "{}")
        assert receive(socket)["watch_id"] == "3"


def test_vitastor_asks_every_few_seconds_whether_the_watch_lives(served: Gateway, key: str) -> None:
    """Any answer will do; etcd's has no events, and the number -1 of no watch."""
    with websocket(served) as socket:
        socket.send(create(key, watch_id=1).decode())
        assert receive(socket)["created"] is True
        for _ in range(3):
            socket.send('{"progress_request":{}}')
            answer = receive(socket)
            assert (answer["watch_id"], "events" in answer) == ("-1", False)


def test_vitastor_reads_all_again_when_its_revision_is_compacted(
    served: Gateway, second: Wire, key: str
) -> None:
    """It looks for ``compact_revision`` in the answer that cancels the watch."""
    old = put(second, key, "1")
    new = put(second, key, "2")
    assert second.call("/v3/kv/compaction", {"revision": new})[0] == 200
    with websocket(served) as socket:
        socket.send(create(key, watch_id=1, start_revision=old).decode())
        answers = [receive(socket)]
        if not answers[-1].get("canceled"):
            answers.append(receive(socket))
        assert answers[-1]["canceled"] is True
        assert answers[-1]["compact_revision"] == new


def test_vitastor_writes_in_transactions_with_both_spellings(wire: Wire, key: str) -> None:
    transaction = {
        "compare": [{"target": "MOD", "mod_revision": "0", "key": b64(key), "result": "EQUAL"}],
        "success": [{"requestPut": {"key": b64(key), "value": b64("{}")}}],
        "failure": [{"request_range": {"key": b64(key)}}],
    }
    kept = {**JSON, "Connection": "keep-alive"}
    status, answer = wire.call("/v3/kv/txn", transaction, kept)
    assert (status, answer["succeeded"]) == (200, True)
    _, answer = wire.call("/v3/kv/txn", transaction, kept)
    assert answer["responses"][0]["response_range"]["kvs"][0]["value"] == b64("{}")


def b64(text: str) -> str:
    return b64encode(text.encode()).decode()


def body(**message: Any) -> bytes:
    return json.dumps(message).encode()


def create(key: str, **more: Any) -> bytes:
    return body(create_request={"key": b64(key), **more})


def put(wire: Wire, key: str, value: str) -> str:
    """Gives the revision."""
    status, answer = wire.call("/v3/kv/put", {"key": b64(key), "value": b64(value)})
    assert status == 200
    return str(answer["header"]["revision"])


def websocket(served: Gateway) -> ClientConnection:
    url = f"ws://127.0.0.1:{served.port}/v3/watch"
    return open_websocket(url, open_timeout=TIMEOUT, close_timeout=TIMEOUT, proxy=None)


def receive(socket: ClientConnection) -> Any:
    return json.loads(socket.recv(TIMEOUT))["result"]
