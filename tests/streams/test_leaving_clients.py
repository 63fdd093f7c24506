"""A client that leaves takes everything with it: the stream, its tasks, the call, the watcher.

The fixture ``probed`` sees to it at the end of each test.
"""

import socket
import struct
from collections.abc import Callable

import pytest
from websockets.sync.client import ClientConnection

from tests.hosts.observe import watchers
from tests.hosts.serving import until
from tests.hosts.target import text
from tests.streams.post import Post
from tests.streams.probed import FILE, Probed, create, told

Leave = Callable[[Post], None]
LeaveSocket = Callable[[ClientConnection], None]


def half_close(client: ClientConnection) -> None:
    client.socket.shutdown(socket.SHUT_WR)


def vanish(client: ClientConnection) -> None:
    """As a process that is killed: the peer gets a reset."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()


CLOSES = pytest.param(Post.close, id="closes")
HALF_CLOSES = pytest.param(Post.half_close, id="half-closes")
IS_KILLED = pytest.param(Post.reset, id="is-killed")
WAYS_OUT = [CLOSES, HALF_CLOSES, IS_KILLED]

SOCKET_CLOSES = pytest.param(ClientConnection.close, id="closes")
SOCKET_HALF_CLOSES = pytest.param(half_close, id="half-closes")
SOCKET_IS_KILLED = pytest.param(vanish, id="is-killed")
SOCKET_WAYS_OUT = [SOCKET_CLOSES, SOCKET_HALF_CLOSES, SOCKET_IS_KILLED]

FORMS = [pytest.param({}, id="json"), pytest.param(FILE, id="file")]


@pytest.mark.parametrize("leave", WAYS_OUT)
def test_a_client_that_leaves_an_idle_watch_ends_it(probed: Probed, key: str, leave: Leave) -> None:
    watch = probed.watch(key)
    assert watchers(probed.etcd) == 1
    leave(watch)
    probed.wait_for_rest()


@pytest.mark.parametrize("leave", WAYS_OUT)
def test_a_client_that_leaves_while_its_body_is_open_ends_its_watch(
    probed: Probed, key: str, leave: Leave
) -> None:
    watch = probed.post("watch", create(key))
    watch.result()
    watch.send(b'{"cancel_re')
    leave(watch)
    probed.wait_for_rest()


@pytest.mark.parametrize("leave", WAYS_OUT)
def test_a_client_that_leaves_before_its_first_request_is_whole_leaves_nothing(
    probed: Probed, leave: Leave
) -> None:
    watch = probed.post("watch", b'{"create_re')
    until(lambda: probed.state()["streams"] == 1, "the request under way")
    leave(watch)
    probed.wait_for_rest()


@pytest.mark.parametrize("leave", WAYS_OUT)
def test_a_client_that_leaves_before_the_answer_ends_its_watch(
    probed: Probed, key: str, leave: Leave
) -> None:
    leave(probed.post("watch", create(key)))
    probed.wait_for_rest()


@pytest.mark.parametrize("leave", WAYS_OUT)
def test_a_client_that_leaves_an_open_keepalive_ends_it(probed: Probed, leave: Leave) -> None:
    keepalive = probed.post("lease/keepalive", {"ID": 7})
    assert keepalive.result()["ID"] == "7"
    leave(keepalive)
    probed.wait_for_rest()


@pytest.mark.parametrize("leave", WAYS_OUT)
def test_a_client_that_leaves_an_election_without_a_leader_ends_its_observe(
    probed: Probed, key: str, leave: Leave
) -> None:
    observe = probed.whole("election/observe", {"name": text(key)})
    until(lambda: probed.holds(1), "the call under way")
    leave(observe)
    probed.wait_for_rest()


@pytest.mark.parametrize("leave", [CLOSES, IS_KILLED])
@pytest.mark.parametrize("headers", FORMS)
def test_a_client_that_leaves_a_snapshot_ends_it(
    probed: Probed, large_database: None, headers: dict[str, str], leave: Leave
) -> None:
    snapshot = probed.whole("maintenance/snapshot", {}, headers=headers)
    assert snapshot.chunk()
    assert probed.holds(1)
    leave(snapshot)
    probed.wait_for_rest()


@pytest.mark.parametrize("headers", FORMS)
def test_a_client_that_half_closes_during_a_snapshot_is_not_given_the_rest(
    probed: Probed, large_database: None, headers: dict[str, str]
) -> None:
    """It must read on: with full buffers servers learn nothing of its leaving. Some of them then
    let the answer end, and JSON ends with the error."""
    snapshot = probed.whole("maintenance/snapshot", {}, headers=headers)
    assert snapshot.chunk()
    snapshot.half_close()
    try:
        rest = snapshot.body()
    except EOFError:
        rest = b""
    assert not rest or (not headers and rest.endswith(b'"message":"context canceled"}}\n'))
    probed.wait_for_rest()


@pytest.mark.parametrize("leave", SOCKET_WAYS_OUT)
def test_a_websocket_client_that_leaves_ends_its_watch(
    probed: Probed, key: str, leave: LeaveSocket
) -> None:
    client = probed.watch_socket(key)
    assert watchers(probed.etcd) == 1
    leave(client)
    probed.wait_for_rest()


@pytest.mark.parametrize("leave", SOCKET_WAYS_OUT)
def test_a_websocket_client_that_leaves_in_the_middle_of_a_value_leaves_nothing(
    probed: Probed, leave: LeaveSocket
) -> None:
    client = probed.socket("watch", '{"create_request":')
    until(lambda: probed.state()["streams"] == 1, "the stream open")
    leave(client)
    probed.wait_for_rest()


@pytest.mark.parametrize("leave", [SOCKET_CLOSES, SOCKET_IS_KILLED])
def test_a_websocket_client_that_leaves_a_snapshot_ends_it(
    probed: Probed, large_database: None, leave: LeaveSocket
) -> None:
    """It does not wait for the server to close too: too much lies before the server's answer."""
    client = probed.socket("maintenance/snapshot", {}, max_queue=1, close_timeout=0.1)
    assert "blob" in told(client)["result"]
    assert probed.holds(1)
    leave(client)
    probed.wait_for_rest()


def test_two_hundred_watches_that_come_and_go_leave_no_open_file(probed: Probed, key: str) -> None:
    before = probed.state()["files"]
    for _ in range(100):
        probed.watch(key).close()
        probed.watch_socket(key).close()
    probed.wait_for_rest()
    until(lambda: probed.state()["files"] <= before, "the files closed")
