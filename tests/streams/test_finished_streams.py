"""A stream that has come to its end leaves its client's connection as it was."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from tests.hosts.target import text
from tests.streams.post import TIMEOUT, Post
from tests.streams.probed import Probed, create

REVOKED = {"ID": 7}
CANCELLED = [create("a", watch_id=1), {"cancel_request": {"watch_id": 1}}]


@pytest.fixture
def connection(probed: Probed) -> Iterator[HTTPConnection]:
    connection = HTTPConnection(*probed.server.host_and_port, timeout=TIMEOUT)
    connection.connect()
    connection.auto_open = 0
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("rpc", "requests", "answers"),
    [
        pytest.param("lease/keepalive", [REVOKED], 1, id="keepalive"),
        pytest.param("watch", CANCELLED, 2, id="cancelled-watch"),
    ],
)
def test_the_next_request_on_the_connection_is_answered(
    connection: HTTPConnection, rpc: str, requests: list[object], answers: int
) -> None:
    body = "".join(map(json.dumps, requests))
    for _ in range(3):
        connection.request("POST", f"/etcd/v3/{rpc}", body)
        assert len(connection.getresponse().read().splitlines()) == answers


def test_a_deadline_that_passes_before_the_first_value_is_told_while_the_body_is_open(
    probed: Probed,
) -> None:
    headers = {"Grpc-Timeout": "50m"}
    with Post(probed.server.host_and_port, "/etcd/v3/watch", b'{"create', headers=headers) as post:
        assert post.head() == 504
        assert b"context deadline exceeded" in post.body()
    probed.wait_for_rest()


def test_the_next_request_after_a_stream_that_ended_with_its_deadline_is_answered(
    connection: HTTPConnection, key: str
) -> None:
    """The listening for its leave was broken off before the answer: no server minds."""
    for _ in range(3):
        body, headers = json.dumps({"name": text(key)}), {"Grpc-Timeout": "50m"}
        connection.request("POST", "/etcd/v3/election/observe", body, headers)
        assert b"context deadline exceeded" in connection.getresponse().read()
