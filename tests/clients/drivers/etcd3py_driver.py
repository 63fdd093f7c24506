"""etcd3-py: its synchronous and asynchronous client, with the helpers built on them.

It takes an error for one only where the body has a member ``error``, as gateways before 3.6 have
it: it is pointed at a prefix with the flavour "compat".
"""

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import etcd3  # type: ignore[import-not-found]  # not in the checkout's venv
import pytest
from etcd3 import errors

ADDRESS = urlsplit(os.environ["GATEWAY_URL"])
SHA256_BYTES = 32
DEADLINE = 30.0
"""Seconds after which a test gives up on something that it waits for."""


def connect() -> Any:
    return etcd3.Client(ADDRESS.hostname, ADDRESS.port, timeout=DEADLINE)


@pytest.fixture
def client() -> Iterator[Any]:
    client = connect()
    yield client
    client.close()


@pytest.fixture
def key() -> str:
    return f"etcd3-py/{uuid4().hex[:8]}/"


def test_the_version_tells_which_prefix_to_use(client: Any) -> None:
    assert client.api_prefix == "/v3"
    assert client.health() == "true"
    version, deadline = client.status().version, time.monotonic() + DEADLINE
    while (told := client.version()).etcdserver != version:  # not heard of yet
        assert time.monotonic() < deadline, told
    with closing(connect()) as another:
        assert (another.server_version, another.cluster_version) == (version, told.etcdcluster)


def test_the_member_and_its_status_are_told(client: Any) -> None:
    members = client.member_list().members
    assert [member.ID for member in members] == [client.status().leader]
    assert client.hash().hash > 0
    assert client.alarm_get(members[0].ID, "NOSPACE").alarms is None
    client.defragment()


def test_what_was_put_is_read_counted_and_deleted(client: Any, key: str) -> None:
    client.put(key + "a", "1")
    assert client.put(key + "a", "2", prev_kv=True).prev_kv.value == b"1"
    client.put(key + "b", b"\xff\x00")
    found = client.range(key, prefix=True, sort_order="DESCEND", sort_target="KEY")
    assert [kv.value for kv in found.kvs] == [b"\xff\x00", b"2"]
    assert client.range(key, prefix=True, count_only=True).count == 2
    assert client.range(key, prefix=True, limit=1).more
    assert client.delete_range(key, prefix=True, prev_kv=True).deleted == 2
    assert client.range(key, prefix=True).kvs is None


def test_errors_of_etcd_have_their_own_classes(client: Any, key: str) -> None:
    revision = client.put(key, "1").header.revision
    client.put(key, "2")
    client.compact(revision + 1)
    with pytest.raises(errors.ErrCompacted):
        client.range(key, revision=revision)
    with pytest.raises(errors.ErrFutureRev):
        client.range(key, revision=revision + 1000)
    with pytest.raises(errors.ErrLeaseNotFound):
        client.put(key, "3", lease=4711)
    with pytest.raises(errors.ErrLeaseNotFound):
        client.lease_revoke(4711)


def test_a_transaction_takes_one_branch(client: Any, key: str) -> None:
    client.put(key + "a", "1")
    txn = client.Txn()
    txn.compare(txn.key(key + "a").value == "1")
    txn.success(txn.put(key + "b", "then"))
    txn.success(txn.range(key + "b"))
    txn.failure(txn.delete(key + "a"))
    done = txn.commit()
    assert done.succeeded
    assert done.responses[1].response_range.kvs[0].value == b"then"
    client.put(key + "a", "2")
    assert not txn.commit().succeeded
    assert client.range(key + "a").kvs is None


def test_a_lease_is_kept_alive_and_takes_its_keys_along(client: Any, key: str) -> None:
    kept = threading.Event()
    lease = client.Lease(ttl=20)
    lease.grant()
    lease.keepalive(keep_cb=kept.set)
    client.put(key, "leased", lease=lease.ID)
    assert kept.wait(DEADLINE)
    assert lease.time_to_live(keys=True).keys == [key.encode()]
    lease.cancel_keepalive()
    lease.revoke()
    assert not lease.alive()
    assert client.range(key).kvs is None


def test_a_watcher_calls_back_for_each_event(client: Any, key: str) -> None:
    seen: list[tuple[str, bytes, bytes | None]] = []
    all_seen = threading.Event()
    watcher = client.Watcher(key, prefix=True, prev_kv=True, start_revision=revision_of(client) + 1)

    def note(event: Any) -> None:
        seen.append((event.type.value, event.key, event.prev_kv and event.prev_kv.value))
        if len(seen) == 3:
            all_seen.set()

    watcher.onEvent(note)
    watcher.runDaemon()
    client.put(key + "a", "1")
    client.put(key + "a", "2")
    client.delete_range(key + "a")
    assert all_seen.wait(DEADLINE)
    watcher.stop()
    name = f"{key}a".encode()
    assert seen == [("PUT", name, None), ("PUT", name, b"1"), ("DELETE", name, b"2")]


def test_a_watch_for_one_event_returns_it(client: Any, key: str) -> None:
    revision = client.put(key, "now").header.revision
    watcher = client.Watcher(key, start_revision=revision)
    assert watcher.watch_once(timeout=DEADLINE).value == b"now"


def test_a_watch_from_a_compacted_revision_is_refused(client: Any, key: str) -> None:
    revision = client.put(key, "1").header.revision
    client.compact(client.put(key, "2").header.revision)
    with pytest.raises(errors.Etcd3WatchCanceled):
        client.Watcher(key, start_revision=revision).watch_once(timeout=DEADLINE)


def test_a_lock_is_held_by_one_at_a_time(client: Any) -> None:
    """Without blocking: its blocked ``acquire`` misses a release just before it begins to watch."""
    name = uuid4().hex[:8]
    first, second = client.Lock(name, lock_ttl=20), client.Lock(name, lock_ttl=20)
    with first:
        second.acquire(block=False)
        assert (first.is_acquired, second.is_acquired) == (True, False)
    with second:
        assert (first.is_acquired, second.is_acquired) == (False, True)


def test_the_lock_service_of_etcd_locks_and_unlocks(client: Any, key: str) -> None:
    lease = client.lease_grant(20).ID
    owned = client.lock(key, lease).key
    assert owned.startswith(key.encode())
    client.unlock(owned)
    assert client.range(owned).kvs is None


def test_a_snapshot_is_read_to_its_end(client: Any) -> None:
    with client.snapshot() as answers:
        chunks = list(answers)
    left = int(chunks[0].remaining_bytes)
    sizes = [len(chunk.blob) for chunk in chunks]
    assert sum(sizes[1:-1]) == left
    assert sizes[-1] == SHA256_BYTES


def test_the_asynchronous_client_puts_and_reads(key: str) -> None:
    async def put_and_read() -> bytes:
        client = etcd3.AioClient(ADDRESS.hostname, ADDRESS.port)
        await client.put(key, "async")
        found = await client.range(key)
        await client.session.close()
        return bytes(found.kvs[0].value)

    assert asyncio.run(asyncio.wait_for(put_and_read(), DEADLINE)) == b"async"


def test_with_auth_each_user_may_what_its_role_may(client: Any, key: str) -> None:
    for name in ("root", "reader"):
        client.user_add(name, "secret")
        client.role_add(name)
        client.user_grant_role(name, name)
    client.role_grant_permission("reader", key, prefix=True)
    client.auth_enable()
    root = etcd3.Client(ADDRESS.hostname, ADDRESS.port)
    try:
        root.auth("root", "secret")
        root.put(key + "a", "secret")
        with pytest.raises(errors.ErrUserEmpty):
            client.range(key + "a")
        with pytest.raises(errors.ErrAuthFailed):
            client.auth("reader", "wrong")
        client.auth("reader", "secret")
        assert client.range(key + "a").kvs[0].value == b"secret"
        with pytest.raises(errors.ErrPermissionDenied):
            client.put(key + "a", "changed")
        client.token = "stale.1"
        with pytest.raises(errors.ErrInvalidAuthToken):
            client.range(key + "a")
    finally:
        root.auth_disable()
        root.close()


def revision_of(client: Any) -> int:
    return int(client.status().header.revision)
