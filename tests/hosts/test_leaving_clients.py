"""A client that leaves takes its call with it, under every server."""

import json
import socket

from etcd_asgi.testing import EtcdServer
from tests.hosts.observe import queue
from tests.hosts.serving import until
from tests.hosts.target import Target, text


def test_a_client_that_leaves_gives_up_its_place_in_the_queue_for_a_lock(
    target: Target, etcd: EtcdServer, held_lock: str
) -> None:
    """etcd's Lock call waits in a queue of keys under the lock's name, and cancelling it deletes
    the key of the waiting one: etcd client/v3/concurrency/mutex.go, Lock."""
    body = json.dumps({"name": text(held_lock)})
    head = (
        f"POST {target.host.mount}/v3/lock/lock HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(target.server.host_and_port) as client:
        client.sendall((head + body).encode())
        until(lambda: queue(etcd, held_lock) == 2, "the waiting client's key")
    until(lambda: queue(etcd, held_lock) == 1, "that key gone")


def test_a_client_that_leaves_in_the_middle_of_its_body_leaves_no_trace(target: Target) -> None:
    head = (
        f"POST {target.host.mount}/v3/kv/range HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Length: 100\r\n\r\n"
    )
    with socket.create_connection(target.server.host_and_port) as client:
        client.sendall(f'{head}{{"key": "'.encode())
    assert target.call("/v3/kv/range", {"key": text("k")}).status_code == 200
