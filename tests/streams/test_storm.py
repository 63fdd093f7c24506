"""Thousands of clients that disconnect in the middle of everything: nothing of them is left."""

from __future__ import annotations

import asyncio
import json
import random
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

import httpx
import pytest

from etcd_asgi.testing import EtcdServer
from tests.hosts.observe import ask, watchers
from tests.hosts.serving import AppServer, until
from tests.hosts.target import text
from tests.streams.post import TIMEOUT
from tests.streams.probed import MIB

CLIENTS = 5_000
AT_A_TIME = 100
MOST_MIB = 40
"""What the process may have grown by."""

RED = {"x-team": "red"}
BLUE = {"x-team": "blue"}


@pytest.fixture
def app(etcd: EtcdServer, tmp_path: Path) -> Iterator[AppServer]:
    env = {"ETCD_URL": etcd.endpoint}
    with AppServer("tests.streams.apps.storm:app", env=env, log_path=tmp_path / "log") as server:
        yield server
        server.stop()
        assert "Traceback" not in server.log, server.log


def call(app: AppServer, team: dict[str, str], path: str, message: object) -> Any:
    url = f"{app.url}/etcd/v3/{path}"
    answer = httpx.post(url, json=message, headers=team, timeout=TIMEOUT)
    return answer.raise_for_status().json()


def requests() -> list[bytes]:
    """One of each kind: a waiting lock, a large reply, a watch, half a body, a campaign."""
    lock = {"name": text("l")}
    watch = {"create_request": {"key": text("k"), "range_end": text("z"), "start_revision": "1"}}
    keys = {"key": text("big/"), "range_end": text("big0")}
    ranges = {"success": [{"request_range": keys}] * 3}
    return [
        request("lock/lock", lock),
        request("kv/range", keys),
        request("kv/txn", ranges),
        request("watch", watch),
        request("watch", watch, "Accept: text/event-stream"),
        request("election/campaign", {**lock, "value": text("v")}),
        request("kv/put", {"key": text("k"), "value": "QUFB" * 1000})[:900],
        request("election/observe", lock),
    ]


def request(path: str, message: object, *headers: str) -> bytes:
    body = json.dumps(message)
    head = [f"POST /etcd/v3/{path} HTTP/1.1", "Host: localhost", "X-Team: red", *headers]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", body]).encode()


async def leave(app: AppServer, sent: bytes, after: float) -> None:
    """Ask for something, and close the connection before it is answered whole."""
    with suppress(OSError):
        _, writer = await asyncio.open_connection(*app.host_and_port)
        writer.write(sent)
        await asyncio.sleep(after)
        if after < 0.02:  # as a process that is killed
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, linger)
        writer.close()
        await writer.wait_closed()


async def storm(app: AppServer, clients: int) -> None:
    drawn = random.Random(7)
    kinds = requests()
    for _ in range(0, clients, AT_A_TIME):
        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_A_TIME):
                after = drawn.uniform(0.005, 0.06)
                tasks.create_task(leave(app, drawn.choice(kinds), after))


def state(app: AppServer) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{app.url}/state", timeout=TIMEOUT).json()
    return found


def leases(etcd: EtcdServer) -> int:
    return len(ask(etcd, "lease/leases", {}).get("leases", ()))


def wait_for_rest(app: AppServer, etcd: EtcdServer, held: int) -> None:
    """Wait until nothing is left, in the gateway and in etcd, but what was *held* before."""
    left: list[object] = []

    def is_at_rest() -> bool:
        now = state(app)
        left[:] = [now["tasks"], now["streams"], watchers(etcd), leases(etcd) - held]
        return not any(left)

    try:
        until(is_at_rest, "rest")
    except TimeoutError as error:
        error.add_note(f"left: tasks, streams, watchers and leases {left}")
        raise


def test_a_storm_of_clients_that_disconnect_leaves_nothing(
    app: AppServer, etcd: EtcdServer
) -> None:
    for number in range(4):
        call(app, RED, "kv/put", {"key": text(f"big/{number}"), "value": "QUFB" * 90_000})
    held = {team["x-team"]: call(app, team, "lease/grant", {"TTL": 600}) for team in (RED, BLUE)}
    for team in (RED, BLUE):
        lock = {"name": text("l"), "lease": held[team["x-team"]]["ID"]}
        call(app, team, "lock/lock", lock)
    at_start = leases(etcd)
    asyncio.run(storm(app, CLIENTS // 10))
    wait_for_rest(app, etcd, at_start)
    before = state(app)
    asyncio.run(storm(app, CLIENTS))
    wait_for_rest(app, etcd, at_start)
    assert state(app)["files"] <= before["files"]
    most = before["memory"] + MOST_MIB * MIB
    until(lambda: state(app)["memory"] < most, "the memory of large responses given back")
    for team in (RED, BLUE):  # a contended lock comes free, also for those who did not storm
        assert takes_over(app, team, held[team["x-team"]]["ID"])


def takes_over(app: AppServer, team: dict[str, str], holder: str) -> bool:
    """Wait for the lock, and see that it comes when its holder has gone."""

    async def wait() -> bool:
        async with httpx.AsyncClient(timeout=TIMEOUT) as client:
            url = f"{app.url}/etcd/v3"
            waiting = asyncio.create_task(
                client.post(f"{url}/lock/lock", json={"name": text("l")}, headers=team)
            )
            await asyncio.sleep(0.2)
            revoke = {"ID": holder}
            await client.post(f"{url}/lease/revoke", json=revoke, headers=team)
            return (await waiting).status_code == 200

    return asyncio.run(wait())
