"""Calls that wait for locks and elections, and end many at a time: others notice nothing."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from etcd_asgi import Gateway, Grant, Limits
from etcd_asgi.errors import CLOSING
from etcd_asgi.policy.grant import passthrough
from etcd_asgi.testing import EtcdServer
from tests.access.calls import as_user, client_of, text
from tests.conftest import StartEtcd
from tests.etcds.quick import QUICK
from tests.etcds.releases import RELEASES, binary_of, why_missing
from tests.hosts.observe import ask, watchers
from tests.hosts.serving import AppServer, until
from tests.hosts.target import TIMEOUT

Json = dict[str, Any]

MOST = 100
"""Waiting calls that etcd does not survive the end of, all at once, more than a few times."""

PER_USER = Limits().max_waiting_calls_per_user
TOO_MANY = "too many calls that wait for a lock or an election"


class Scene:
    """An etcd, a server with gateways in front of it, and a client."""

    def __init__(self, etcd: EtcdServer, server: AppServer, client: httpx.Client) -> None:
        self.etcd, self.server, self.client = etcd, server, client
        self._direct = httpx.Client(base_url=etcd.endpoint, timeout=TIMEOUT)

    def ask(self, path: str, message: Json) -> Any:
        """What etcd's own gateway answers, asked on one connection."""
        return self._direct.post(f"/v3/{path}", json=message).raise_for_status().json()

    def close(self) -> None:
        self._direct.close()

    def send(self, path: str, message: Json, user: str, **headers: str) -> httpx.Response:
        mount = "/open" if user == "open" else "/guarded"
        return self.client.post(
            f"{mount}/v3/{path}", json=message, headers={"x-user": user, **headers}
        )

    def call(self, path: str, message: Json, user: str = "blue") -> Any:
        answer = self.send(path, message, user)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @property
    def count(self) -> int:
        return int(self.client.get("/count").text)

    def leases(self) -> set[str]:
        return {one["ID"] for one in self.ask("lease/leases", {}).get("leases", [])}

    def storm(self, path: str, message: Json, user: str, waiting: int) -> None:
        """Have *waiting* calls wait in etcd, and then disconnect all at once."""
        body = json.dumps(message)
        mount = "/open" if user == "open" else "/guarded"
        request = (
            f"POST {mount}/v3/{path} HTTP/1.1\r\nHost: localhost\r\nX-User: {user}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        )
        with ExitStack() as stack:
            for _ in range(waiting):
                one = stack.enter_context(socket.create_connection(self.server.host_and_port))
                one.sendall(request.encode())
            until(lambda: watchers(self.etcd) >= waiting, f"{waiting} calls that wait")
        until(lambda: self.count == 0, "no call that waits")

    def check_others(self) -> None:
        """Another team's lock that is waited for comes free when it is unlocked."""
        with ThreadPoolExecutor(1) as pool:
            before = self.leases()
            held = self.call("lock/lock", {"name": text("mine")})["key"]
            waiting = pool.submit(self.call, "lock/lock", {"name": text("mine")})
            until(lambda: watchers(self.etcd) > 0, "a call that waits")
            self.call("lock/unlock", {"key": held})
            self.call("lock/unlock", {"key": waiting.result(TIMEOUT)["key"]})
        for lease in self.leases() - before:
            self.ask("lease/revoke", {"ID": lease})


@pytest.fixture(scope="module", params=[RELEASES[0], RELEASES[-1]])
def scene(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """With the oldest and the newest release: the others jam in the same way."""
    folder, binary = tmp_path_factory.mktemp("waiting-"), binary_of(request.param)
    if binary is None:
        pytest.skip(why_missing(request.param))
    with ExitStack() as stack:
        etcd = stack.enter_context(EtcdServer(binary, args=QUICK, log_path=folder / "etcd.log"))
        server = stack.enter_context(
            AppServer(
                "tests.access.waiting_app:app",
                log_path=folder / "server.log",
                env={"ETCD_URL": etcd.endpoint, "MOST": str(MOST)},
            )
        )
        client = stack.enter_context(httpx.Client(base_url=server.url, timeout=TIMEOUT))
        scene = Scene(etcd, server, client)
        stack.callback(scene.close)
        yield scene
        assert "Traceback" not in server.log, server.log


@pytest.fixture
def held(scene: Scene) -> Iterator[str]:
    """A name that each of the teams has a lock and a leader of, held until the end."""
    leases = []
    for user, prefix in (("red", "/teams/red/"), ("open", ""), ("root", "")):
        lease = scene.ask("lease/grant", {"TTL": 600})["ID"]
        name = f"{prefix}{user if user != 'red' else 'held'}"
        scene.ask("lock/lock", {"name": text(name), "lease": lease})
        leases.append(lease)
    yield "held"
    for lease in leases:
        scene.ask("lease/revoke", {"ID": lease})


@pytest.mark.parametrize(("path", "storms"), [("lock/lock", 6), ("election/campaign", 2)])
def test_clients_that_disconnect_together_do_not_jam_the_locks_of_others(
    scene: Scene, held: str, path: str, storms: int
) -> None:
    """Without a pause between their cancels it took one to six storms."""
    leases = scene.leases()
    for _ in range(storms):
        scene.storm(path, {"name": text(held)}, "red", MOST)
        scene.check_others()
    assert not scene.leases() - leases


def test_observers_that_disconnect_together_do_not_either(scene: Scene) -> None:
    scene.storm("election/observe", {"name": text("nobodys")}, "red", MOST)
    scene.check_others()


def test_nor_do_those_of_a_gateway_without_rules(scene: Scene) -> None:
    lock = scene.call("lock/lock", {"name": text("free-for-all")}, "open")["key"]
    scene.storm("lock/lock", {"name": text("free-for-all")}, "open", MOST)
    scene.check_others()
    scene.call("lock/unlock", {"key": lock}, "open")


def test_nor_do_deadlines_that_pass_together(scene: Scene, held: str) -> None:
    leases = scene.leases()
    limits = httpx.Limits(max_connections=MOST)
    url, headers = f"{scene.server.url}/guarded/v3/lock/lock", {"x-user": "red"}

    async def all_at_once() -> list[httpx.Response]:
        async with httpx.AsyncClient(limits=limits, timeout=TIMEOUT) as client:
            message = {"name": text(held)}
            timed = {**headers, "grpc-timeout": "1S"}
            calls = [client.post(url, json=message, headers=timed) for _ in range(MOST)]
            return await asyncio.gather(*calls)

    for answer in asyncio.run(all_at_once()):
        assert (answer.status_code, answer.json()["code"]) == (504, 4)
        assert answer.json()["message"] == "context deadline exceeded"
    until(lambda: scene.count == 0, "no call that waits")
    scene.check_others()
    assert not scene.leases() - leases


def test_one_waiting_call_too_many_is_refused_and_hinders_nobody_else(scene: Scene) -> None:
    key = scene.call("lock/lock", {"name": text("door")}, "green")["key"]
    leases = scene.leases()
    with ThreadPoolExecutor(PER_USER) as pool:
        waiting = [
            pool.submit(scene.send, "lock/lock", {"name": text("door")}, "green")
            for _ in range(PER_USER)
        ]
        until(lambda: watchers(scene.etcd) == PER_USER, "as many as may wait")
        for path in ("lock/lock", "election/campaign", "election/observe"):
            answer = scene.send(path, {"name": text("door")}, "green")
            assert (answer.status_code, answer.json()["code"]) == (429, 8), answer.text
            assert answer.json()["message"] == f"{TOO_MANY}: {PER_USER} are granted"
        url = scene.server.url.replace("http", "ws") + "/guarded/v3/lock/lock"
        with connect(url, additional_headers={"x-user": "green"}) as one:
            one.send(json.dumps({"name": text("door")}))
            assert json.loads(one.recv())["code"] == 8
        assert len(scene.leases() - leases) == PER_USER
        scene.check_others()
        while waiting:
            scene.call("lock/unlock", {"key": key}, "green")
            key = next_of(waiting)["key"]
    assert scene.count == 0


def next_of(waiting: list[Any]) -> Any:
    """The reply that has come since the last one was taken."""
    until(lambda: any(one.done() for one in waiting), "the next owner of the lock")
    (done,) = [one for one in waiting if one.done()]
    waiting.remove(done)
    return done.result().json()


def test_many_free_locks_at_once_are_all_granted(scene: Scene) -> None:
    """They last milliseconds, and wait for each other's places."""
    with ThreadPoolExecutor(3 * PER_USER) as pool:
        names = [{"name": text(f"free-{n}")} for n in range(3 * PER_USER)]
        for answer in pool.map(lambda name: scene.send("lock/lock", name, "green"), names):
            assert answer.status_code == 200, answer.text


def test_a_lock_without_a_namespace_has_a_lease_of_its_own_that_lasts_if_it_succeeds(
    scene: Scene,
) -> None:
    before = scene.leases()
    reply = scene.call("lock/lock", {"name": text("plain")}, "root")
    (lease,) = scene.leases() - before
    alive = scene.ask("lease/timetolive", {"ID": lease, "keys": True})
    assert (alive["grantedTTL"], alive["keys"]) == ("60", [reply["key"]])
    assert reply["key"] == text(f"plain/{int(lease):x}")
    leader = scene.call("election/campaign", {"name": text("leader")}, "root")["leader"]
    assert leader["lease"] in scene.leases() - before


@pytest.mark.parametrize("user", ["root", "green"])
def test_a_lock_that_etcd_refuses_leaves_no_lease_behind(scene: Scene, user: str) -> None:
    before = scene.leases()
    answer = scene.send("lock/lock", {"name": text("x" * 1_600_000)}, user)
    assert answer.json()["message"] == "etcdserver: request is too large"
    until(lambda: not scene.leases() - before, "no lease left")
    until(lambda: scene.count == 0, "no place taken")


async def test_a_refused_lease_is_told_as_of_the_lock(start_etcd: StartEtcd) -> None:
    etcd = start_etcd()
    ask(etcd, "maintenance/alarm", {"action": "ACTIVATE", "alarm": "NOSPACE"})
    said = []
    for gateway in (Gateway(etcd.endpoint), Gateway(etcd.endpoint, access=lambda _: Grant())):
        async with client_of(gateway) as client:
            for path in ("lock/lock", "election/campaign"):
                answer = await client.post(f"/v3/{path}", json={"name": "AA=="})
                said.append((answer.status_code, answer.json()))
    assert said[:2] == said[2:]
    assert said[0][1]["message"] == "etcdserver: mvcc: database space exceeded"


@pytest.mark.parametrize("guarded", [True, False])
async def test_a_gateway_that_closes_ends_its_waiting_calls_in_order(
    start_etcd: StartEtcd, guarded: bool
) -> None:
    etcd = await asyncio.to_thread(start_etcd)
    grant = Grant(user="red", namespace=b"/red/", max_waiting_calls=MOST)
    gateway = Gateway(etcd.endpoint, access=as_user(red=grant) if guarded else passthrough)
    async with client_of(gateway) as client:

        async def lock() -> httpx.Response:
            body, headers = {"name": text("closing")}, {"x-user": "red"}
            return await client.post("/v3/lock/lock", json=body, headers=headers, timeout=TIMEOUT)

        async def waiting(calls: int) -> list[asyncio.Task[httpx.Response]]:
            tasks = [asyncio.create_task(lock()) for _ in range(calls)]
            await asyncio.to_thread(until, lambda: watchers(etcd) == calls, "calls that wait")
            return tasks

        key = (await lock()).json()["key"]
        tasks = await waiting(MOST)
        await gateway.aclose()
        for answer in await asyncio.gather(*tasks):
            assert (answer.status_code, answer.json()["message"]) == (503, CLOSING)
        assert len(gateway._waiting) == 0
        held = (await asyncio.to_thread(ask, etcd, "lease/leases", {}))["leases"]
        assert not guarded or len(held) == 1
        (task,) = await waiting(1)
        await client.post("/v3/lock/unlock", json={"key": key}, headers={"x-user": "red"})
        assert (await task).status_code == 200
