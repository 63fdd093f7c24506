"""A transaction that only reads, and is given up: etcd 3.5.1 would end with it."""

import asyncio
from contextlib import suppress
from typing import Any

import anyio
import httpx
import pytest

from etcd_asgi import Gateway, Grant
from etcd_asgi.testing import EtcdServer
from tests.access.calls import client_of
from tests.conftest import StartEtcd
from tests.etcds.quick import QUICK
from tests.etcds.releases import OFFICIAL
from tests.hosts.target import text

RANGE = {"request_range": {"key": text("k"), "range_end": text("l")}}
TXN = {"success": [RANGE, {"request_txn": {"success": [RANGE] * 3}}]}
JSON = {"content-type": "application/json"}


@pytest.fixture
def fragile(start_etcd: StartEtcd) -> EtcdServer:
    return start_etcd(OFFICIAL, *QUICK)


@pytest.mark.parametrize("access", [None, lambda _: Grant(user="u")], ids=["open", "guarded"])
@pytest.mark.parametrize("headers", [{}, {"Grpc-Timeout": "20m"}], ids=["disconnects", "deadlines"])
async def test_etcd_lives_on_when_reading_transactions_are_given_up(
    fragile: EtcdServer, access: Any, headers: dict[str, str]
) -> None:
    settings = {} if access is None else {"access": access}
    gateway = Gateway(fragile.endpoint, **settings)
    async with gateway, client_of(gateway) as client:
        for number in range(30):
            put = {"key": text(f"k{number}"), "value": "QUFB" * 20_000}
            (await client.post("/v3/kv/put", json=put)).raise_for_status()

        async def give_up(after: float) -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(None if headers else after):
                    answer = await client.post("/v3/kv/txn", json=TXN, headers={**JSON, **headers})
                    assert answer.status_code in (200, 504)

        for _ in range(15):
            async with asyncio.TaskGroup() as tasks:
                for number in range(20):
                    tasks.create_task(give_up(0.002 * (number + 1)))
        assert fragile.running
        assert (await client.post("/v3/kv/range", json={"key": text("k0")})).status_code == 200
        with anyio.fail_after(30):
            while gateway._shared.shielded._calls:  # noqa: ASYNC110 - they tell nobody when they end
                await asyncio.sleep(0.01)
        assert gateway._shared.budget.held == 0


async def test_a_reading_transaction_ends_in_time_for_its_client(fragile: EtcdServer) -> None:
    async with Gateway(fragile.endpoint) as gateway, client_of(gateway) as client:
        told = await client.post("/v3/kv/txn", json=TXN, headers={**JSON, "Grpc-Timeout": "1n"})
        assert (told.status_code, told.json()["code"]) == (504, 4)
        answer = await client.post("/v3/kv/txn", json=TXN, headers={**JSON, "Grpc-Timeout": "9S"})
        assert answer.status_code == 200


LIGHT = {
    "compare": [
        {"key": text("k"), "range_end": text("l"), "target": "VERSION", "result": "GREATER",
         "version": "0"}
    ] * 100,
    "success": [{"request_range": {"key": text("k0")}}],
}  # fmt: skip
"""It brings one key, and takes long: 100 comparisons with each of many keys."""


@pytest.fixture
def filled(fragile: EtcdServer) -> EtcdServer:
    puts = [{"request_put": {"key": text(f"k{number}")}} for number in range(100)]
    for hundred in range(30):
        txn = {
            "success": [
                {"request_put": {"key": text(f"k{hundred}/{number}")}} for number in range(100)
            ]
        }
        httpx.post(f"{fragile.endpoint}/v3/kv/txn", json=txn).raise_for_status()
    httpx.post(f"{fragile.endpoint}/v3/kv/txn", json={"success": puts}).raise_for_status()
    return fragile


@pytest.mark.parametrize("access", [None, lambda _: Grant(user="u")], ids=["open", "guarded"])
@pytest.mark.parametrize("txn", [LIGHT, {**LIGHT, "success": [RANGE]}], ids=["light", "heavy"])
async def test_etcd_lives_on_when_the_gateway_closes_on_a_reading_transaction(
    filled: EtcdServer, access: Any, txn: Any
) -> None:
    """Or its client disconnects, or its deadline passes, while etcd compares."""
    settings = {} if access is None else {"access": access}
    gateway = Gateway(filled.endpoint, **settings)
    async with client_of(gateway) as client:
        for headers in ({}, {"Grpc-Timeout": "30m"}):
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.post("/v3/kv/txn", json=txn, headers={**JSON, **headers})
        under_way = asyncio.create_task(client.post("/v3/kv/txn", json=txn, headers=JSON))
        await asyncio.sleep(0.2)
        await gateway.aclose()
        assert (await under_way).status_code in (200, 503)
    assert filled.running


def test_what_writes_is_cancelled_as_ever(fragile: EtcdServer) -> None:
    """An error of etcd's is told as before, whatever the transaction does."""
    wrong = {"success": [{"request_range": {"key": text("k"), "revision": "99999"}}]}

    async def ask() -> list[httpx.Response]:
        async with Gateway(fragile.endpoint) as gateway, client_of(gateway) as client:
            put = {"success": [{"request_put": {"key": ""}}]}
            return [await client.post("/v3/kv/txn", json=one) for one in (wrong, put)]

    assert [one.status_code for one in asyncio.run(ask())] == [400, 400]
