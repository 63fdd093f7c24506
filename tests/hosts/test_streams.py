"""Watches through every host: nothing holds an event back, and a client that leaves is noticed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from etcd_asgi.testing import EtcdServer
from tests.hosts.observe import wait_for_no_watcher, watchers
from tests.hosts.target import Target, text


@contextmanager
def watch(target: Target, key: str) -> Iterator[Iterator[Any]]:
    """The messages of a watch on *key*, after the first, which says that it is there."""
    body = {"create_request": {"key": text(key)}}
    with target.client.stream("POST", "/v3/watch", json=body) as answer:
        assert answer.status_code == 200
        messages = (json.loads(line) for line in answer.iter_lines())
        assert next(messages)["result"]["created"] is True
        yield messages


def test_an_event_arrives_while_the_watch_goes_on(target: Target, key: str) -> None:
    """Compression or buffering in the host would hold it back for ever."""
    with watch(target, key) as messages:
        for value in ("one", "two"):
            target.call("/v3/kv/put", {"key": text(key), "value": text(value)})
            (event,) = next(messages)["result"]["events"]
            assert (event["kv"]["key"], event["kv"]["value"]) == (text(key), text(value))


def test_a_client_that_leaves_ends_its_watch(target: Target, etcd: EtcdServer, key: str) -> None:
    wait_for_no_watcher(etcd)
    with watch(target, key):
        assert watchers(etcd) == 1
    wait_for_no_watcher(etcd)


def test_a_keepalive_is_answered_and_ends_with_its_body(target: Target) -> None:
    lease = target.call("/v3/lease/grant", {"TTL": 60}).json()["ID"]
    answer = target.send("POST", "/v3/lease/keepalive", [b'{"ID": "%s"}' % lease.encode()] * 2)
    assert answer.status == 200
    assert [json.loads(line)["result"]["ID"] for line in answer.body.splitlines()] == [lease] * 2
    target.call("/v3/lease/revoke", {"ID": lease})
