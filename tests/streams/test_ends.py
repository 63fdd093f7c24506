"""Streams that are ended from the other side: clients are told why, and nothing is left."""

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from etcd_asgi.testing import EtcdServer
from tests.conftest import StartEtcd
from tests.hosts.observe import ask
from tests.hosts.serving import SERVERS, until
from tests.hosts.target import text
from tests.streams.conftest import ServeProbed
from tests.streams.post import TIMEOUT, Post
from tests.streams.probed import Probed, create, told

RESTARTING, TRY_AGAIN = 1012, 1013
CLOSING = "the gateway is shutting down"


@pytest.fixture(params=SERVERS)
def own(request: pytest.FixtureRequest, serve: ServeProbed, start_etcd: StartEtcd) -> Probed:
    """An application under each server, with an etcd of its own."""
    return serve(request.param, start_etcd())


def unfinished(probed: Probed, key: str) -> list[Post]:
    """Streams that have begun, in each of their states."""
    streams = [
        probed.watch(key),
        probed.post("watch", create(key)),
        probed.post("lease/keepalive", {"ID": 7}, b'{"ID"'),
    ]
    assert streams[1].result()["created"] is True
    assert streams[2].result()["ID"] == "7"
    return streams


def error_of(stream: Post) -> object:
    """The error that a stream ends with."""
    message = stream.message()
    assert list(message) == ["error"], message
    assert stream.message() is None, "the answer goes on"
    return message["error"]


def close_code(socket: ClientConnection) -> int:
    """What an ended WebSocket was closed with."""
    with pytest.raises(ConnectionClosed) as caught:
        socket.recv(TIMEOUT)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code


def test_the_death_of_etcd_ends_every_stream_with_an_error(own: Probed, key: str) -> None:
    streams, socket = unfinished(own, key), own.watch_socket(key)
    own.etcd.kill()
    for stream in streams:
        assert error_of(stream) == {"code": 14, "message": "etcd is not reachable"}
    assert told(socket)["error"]["code"] == 14
    assert close_code(socket) == TRY_AGAIN
    own.wait_for_rest()

    own.etcd.restart()
    # Streams have a channel of their own, which may look for etcd later than that of calls.
    until(lambda: own.post("watch", create(key)).head() == 200, "a watch on the restarted etcd")


def test_closing_the_gateway_ends_every_stream_with_an_error(probed: Probed, key: str) -> None:
    streams, socket = unfinished(probed, key), probed.watch_socket(key)
    probed.client.post("/close").raise_for_status()
    for stream in streams:
        assert error_of(stream) == {"code": 14, "message": CLOSING}
    assert told(socket)["error"] == {"code": 14, "message": CLOSING}
    assert close_code(socket) == RESTARTING


def test_closing_the_gateway_ends_a_stream_that_has_had_no_answer_yet(
    probed: Probed, key: str
) -> None:
    unsent = probed.post("watch", b'{"create_request":')
    waiting = probed.whole("election/observe", {"name": text(key)})
    until(lambda: probed.state()["streams"] == 2, "the requests under way")
    probed.client.post("/close").raise_for_status()
    for stream in (unsent, waiting):
        assert stream.head() == 503
        assert CLOSING in stream.body().decode()
    probed.watch(key)


def test_a_watch_of_what_has_been_compacted_says_so_and_ends(probed: Probed, key: str) -> None:
    compacted = compact(probed, key)
    watch = probed.whole("watch", create(key, start_revision=2))
    *_, last = iter(watch.message, None)
    assert last["result"]["canceled"] is True
    assert int(last["result"]["compact_revision"]) == compacted


def test_a_compacted_watch_does_not_end_its_neighbour(probed: Probed, key: str) -> None:
    compact(probed, key)
    old, new = create(key, start_revision=2, watch_id=1), create(key, watch_id=2)
    watch = probed.whole("watch", old, new)
    told = [watch.result() for _ in range(3)]
    assert [one.get("created", False) for one in told].count(True) == 2
    assert [one["watch_id"] for one in told if one.get("canceled")] == ["1"]
    probed.put(key, "later")
    while not (events := watch.result().get("events")):
        pass
    assert events[0]["kv"]["key"] == text(key)


def compact(probed: Probed, key: str) -> int:
    """Put and compact; gives the revision."""
    probed.put(key, "one", "two")
    revision = int(probed.call("kv/range", {"key": text(key)})["header"]["revision"])
    probed.call("kv/compaction", {"revision": revision})
    return revision


def test_a_watch_that_auth_refuses_says_so_and_ends(
    serve: ServeProbed, start_etcd: StartEtcd
) -> None:
    own = serve("uvicorn", start_etcd())
    headers = {"Authorization": guard(own.etcd, readable="mine")}
    watch = own.whole("watch", create("theirs"), headers=headers)
    refused = watch.result()
    assert refused["canceled"] is True
    assert "permission denied" in refused["cancel_reason"]
    assert watch.message() is None

    with own.post("watch", create("theirs"), headers=headers) as watch:
        assert watch.result()["canceled"] is True
        watch.send(create("mine"))
        assert watch.result().get("canceled") is None
        watch.send(create("theirs"))
        assert "permission denied" in watch.result()["cancel_reason"]

    socket = own.socket("watch", create("theirs"), additional_headers=headers)
    assert "permission denied" in told(socket)["result"]["cancel_reason"]


def guard(etcd: EtcdServer, readable: str) -> str:
    """Turn auth on; gives the token of a user who can read one key."""
    for name, role in (("root", "root"), ("reader", "some")):
        ask(etcd, "auth/role/add", {"name": role})
        ask(etcd, "auth/user/add", {"name": name, "password": "secret"})
        ask(etcd, "auth/user/grant", {"user": name, "role": role})
    permission = {"permType": "READ", "key": text(readable)}
    ask(etcd, "auth/role/grant", {"name": "some", "perm": permission})
    ask(etcd, "auth/enable", {})
    token: str = ask(etcd, "auth/authenticate", {"name": "reader", "password": "secret"})["token"]
    return token
