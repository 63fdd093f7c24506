"""Requests that etcd would not survive do not reach it from a gateway with an access."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.json_format import ParseDict
from websockets.sync.client import connect

from etcd_asgi import Gateway, Grant
from etcd_asgi.calls.bindings import Binding, bindings
from etcd_asgi.codec.descriptors import is_repeated
from etcd_asgi.etcd import proto
from etcd_asgi.metadata import Metadata
from etcd_asgi.policy.enum_values import enum_check, enum_checks
from etcd_asgi.upstream import UpstreamStream
from tests.access.calls import client_of
from tests.conftest import StartEtcd
from tests.hosts.observe import ask
from tests.hosts.serving import AppServer, until

Json = dict[str, Any]
Chain = tuple[FieldDescriptor, ...]

ETCDS_OWN = "etcdserver: invalid sort option"
UNKNOWN = (99, -1, 2**31 - 1)


def enum_chains(message: Descriptor, above: Chain = ()) -> Iterator[Chain]:
    """The way to each enum in *message*: the fields from the outside in, recursion once."""
    for field in message.fields:
        chain = (*above, field)
        if field.enum_type is not None:
            yield chain
        elif field.message_type is not None and above.count(field) < 2:
            yield from enum_chains(field.message_type, chain)


def body_of(chain: Chain, number: int) -> Json:
    """The JSON of a request in which nothing but the enum at the end of *chain* is set."""
    value: Any = number
    for field in reversed(chain):
        value = {field.name: [value] if is_repeated(field) else value}
    body: Json = value
    return body


def enum_of(chain: Chain) -> EnumDescriptor:
    enum = chain[-1].enum_type
    assert enum is not None
    return enum


CASES = [(binding, chain) for binding in bindings() for chain in enum_chains(binding.request)]
IDS = [f"{binding.path}:{'.'.join(field.name for field in chain)}" for binding, chain in CASES]


class Untouched:
    """A way to etcd that nothing may take."""

    async def unary(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> bytes:
        raise AssertionError(f"{rpc} reached etcd")

    def server_stream(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> UpstreamStream:
        raise AssertionError(f"{rpc} reached etcd")

    def bidi(self, rpc: str, metadata: Metadata, timeout: float | None) -> UpstreamStream:
        raise AssertionError(f"{rpc} reached etcd")

    async def aclose(self) -> None:
        pass


def full(conn: Any) -> Grant:
    return Grant(user="somebody")


def refusal(chain: Chain, number: int) -> str:
    enum = enum_of(chain)
    if enum.name in ("SortOrder", "SortTarget"):
        return ETCDS_OWN
    known = ", ".join(f"{value.name} ({value.number})" for value in enum.values)
    return f"{chain[-1].name}: {number} is no {enum.name}; it takes {known}"


def test_there_are_enums_to_try() -> None:
    """The walk finds those that are known to end etcd, and one in a transaction in another."""
    found = {(binding.name, enum_of(chain).name) for binding, chain in CASES}
    assert found >= {
        ("Maintenance.Alarm", "AlarmAction"),
        ("Maintenance.Alarm", "AlarmType"),
        ("KV.Range", "SortTarget"),
        ("KV.Txn", "CompareResult"),
        ("Watch.Watch", "FilterType"),
        ("Auth.RoleGrantPermission", "Type"),
    }
    assert max(len(chain) for binding, chain in CASES if binding.name == "KV.Txn") > 4


@pytest.mark.parametrize(("binding", "chain"), CASES, ids=IDS)
async def test_an_unknown_number_of_an_enum_is_refused_wherever_it_stands(
    binding: Binding, chain: Chain
) -> None:
    async with client_of(Gateway(Untouched(), access=full)) as client:
        for number in UNKNOWN:
            answer = await client.post(f"/v3{binding.path}", json=body_of(chain, number))
            assert answer.status_code == 400, answer.text
            said = answer.json()
            assert (said["code"], said["message"]) == (3, refusal(chain, number))


def test_requests_without_an_enum_have_no_check() -> None:
    with_enums = {binding.name for binding, _ in CASES}
    assert set(enum_checks()) == with_enums
    for binding in bindings():
        assert (enum_check(binding.request) is not None) == (binding.name in with_enums)


async def test_every_known_value_passes() -> None:
    for binding, chain in CASES:
        check = enum_check(binding.request)
        assert check is not None
        for value in enum_of(chain).values:
            message: Any = parsed(binding, body_of(chain, value.number))
            check(message)


def parsed(binding: Binding, body: Json) -> Any:
    return ParseDict(body, proto.message_class(binding.request)(), descriptor_pool=proto.pool())


async def test_no_request_type_has_a_map() -> None:
    """The check goes through lists and messages, as etcd's requests have nothing else."""

    def types(message: Descriptor, seen: set[str]) -> Iterator[Descriptor]:
        if message.full_name not in seen:
            seen.add(message.full_name)
            yield message
            for field in message.fields:
                if field.message_type is not None:
                    yield from types(field.message_type, seen)

    for binding in bindings():
        for one in types(binding.request, set()):
            assert not one.GetOptions().map_entry, one.full_name


def test_an_unknown_filter_of_a_watch_is_refused_over_websocket_and_after_others(
    start_etcd: StartEtcd, tmp_path: Path
) -> None:
    etcd = start_etcd()
    env = {"ETCD_URL": etcd.endpoint}
    app = "tests.access.fatal_app:app"
    with AppServer(app, log_path=tmp_path / "server.log", env=env) as server:
        watch = {"create_request": {"key": "AA==", "filters": [0, 7]}}
        url = server.url.replace("http", "ws") + "/v3/watch"
        with connect(url) as socket:
            socket.send(json.dumps({"create_request": {"key": "AA=="}}))
            assert json.loads(socket.recv())["result"]["created"]
            socket.send(json.dumps(watch))
            said = json.loads(socket.recv())["error"]
            assert (said["code"], said["message"]) == (
                3,
                "filters: 7 is no FilterType; it takes NOPUT (0), NODELETE (1)",
            )
        answer = httpx.post(f"{server.url}/v3/watch", json=watch)
        assert (answer.status_code, answer.json()["code"]) == (400, 3)


@pytest.mark.parametrize(
    "alarm", [{"action": 3}, {"action": -1}, {"action": "ACTIVATE", "alarm": 9}, {"alarm": 9}]
)
async def test_no_alarm_ends_etcd(start_etcd: StartEtcd, etcd_release: str, alarm: Json) -> None:
    etcd = start_etcd(etcd_release)
    async with client_of(Gateway(etcd.endpoint, access=full)) as client:
        answer = await client.post("/v3/maintenance/alarm", json=alarm)
        assert (answer.status_code, answer.json()["code"]) == (400, 3)
        answer = await client.post("/v3/maintenance/alarm", json={"action": "GET"})
        assert answer.status_code == 200
    assert etcd.running


NO_PEER_URLS: list[list[str]] = [
    [],
    [""],
    ["garbage"],
    ["http://127.0.0.1"],
    ["http://127.0.0.1:1/path"],
    ["http://127.0.0.1:1", "ftp://127.0.0.1:1"],
    ["http://[::1"],
    ["http://[1:1"],
    ["http://[::g]:1"],
    ["http://127.0.0.1:1\n"],
    ["http://127.0.0.1:1?"],
    ["http://%zz:1"],
    ["//127.0.0.1:1"],
]


async def test_no_update_of_a_member_ends_etcd(start_etcd: StartEtcd, etcd_release: str) -> None:
    """etcd takes any text for the URL of a peer, and panics when it connects to it."""
    etcd = start_etcd(etcd_release)
    learner = {"peerURLs": ["http://127.0.0.1:9"], "isLearner": True}
    added = ask(etcd, "cluster/member/add", learner)["member"]["ID"]
    async with client_of(Gateway(etcd.endpoint, access=full)) as client:
        for urls in NO_PEER_URLS:
            body = {"ID": added, "peerURLs": urls}
            answer = await client.post("/v3/cluster/member/update", json=body)
            assert (answer.status_code, answer.json()["code"]) == (400, 3), (urls, answer.text)
            assert answer.json()["message"].startswith("peerURLs: ")
        for urls in (["http://[::1]:9"], ["https://peer-1.example:2380", "http://127.0.0.1:9"]):
            body = {"ID": added, "peerURLs": urls}
            answer = await client.post("/v3/cluster/member/update", json=body)
            assert answer.status_code == 200, answer.text
    members = ask(etcd, "cluster/member/list", {})["members"]
    assert ["https://peer-1.example:2380", "http://127.0.0.1:9"] in [
        one["peerURLs"] for one in members
    ]


def test_what_is_refused_here_does_end_etcd(start_etcd: StartEtcd) -> None:
    """Else there would be no reason to refuse it."""
    for path, body in (
        ("maintenance/alarm", {"action": 3}),
        ("kv/range", {"key": "AA==", "range_end": "AA==", "sort_order": 1, "sort_target": 9}),
    ):
        etcd = start_etcd()
        with pytest.raises(httpx.HTTPError):
            ask(etcd, path, body)
        until(lambda one=etcd: not one.running, "etcd's end")  # type: ignore[misc]
        assert re.search(r"panic", etcd.log_path.read_text(errors="replace"))
