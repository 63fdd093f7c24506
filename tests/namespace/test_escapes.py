"""Attempts of one caller to reach what another has. None succeeds, none hangs, none breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest

from etcd_asgi.namespace import MAX_TXN_LEVELS
from etcd_asgi.namespace.leases import Leases
from tests.namespace.calls import Caller
from tests.namespace.conftest import Pair
from tests.namespace.etcdjson import written
from tests.namespace.raw import SECRET, RawEtcd

RED, BLUE = b"/teams/red/", b"/teams/blue/"
HIDDEN = b"hidden-of-blue"
NEIGHBOURS = [b"\0", b"/", b"/teams/red", b"/teams/red0", b"/teams/redwood/k", b"\xff\xff"]
RAW_LEASE, SMALL_LEASE = 0x1234_5678_9ABC_DEF0, 9
KEYS = [b"\0", b"/", b"k", b"/teams/blue/k", b"../blue/k", b"\xff", b"\xff" * 20]
ENDS = [b"", b"\0", b"\0\0", b"/teams/blue0", b"\xff", b"\xff" * 20]
INTERVALS = [{"key": key, "range_end": end} for key, end in product([b"", *KEYS], ENDS)]


@dataclass(frozen=True, slots=True)
class Scene:
    """Blue has keys, leases, a lock and an election; red attacks."""

    red: Caller
    etcd: RawEtcd
    leader: Any
    lock: bytes
    leases: list[int]

    def state(self) -> Any:
        """All that is not red's."""
        pairs, mine = self.etcd.pairs(), Leases(RED, SECRET)
        others = {key: pairs[key] for key in pairs if not key.startswith(RED)}
        return others, [lease for lease in self.etcd.leases() if not mine.holds(lease)]

    def attack(self, path: str, **message: Any) -> tuple[int, Any]:
        """Red's attempt, whose answer has nothing of blue's."""
        status, answer = self.red.ask(path, **message)
        harmless(status, answer)
        return status, answer


def harmless(status: int, answer: Any) -> None:
    """Fail on an answer that tells of blue, or of something broken."""
    assert HIDDEN not in str(answer).encode(), answer
    assert status < 500, answer


@pytest.fixture
def scene(pair: Pair) -> Iterator[Scene]:
    """Red has a key and nothing else. In the end, others have all they had."""
    pair.crowded.clear()
    blue = pair.caller(BLUE)
    for key in NEIGHBOURS:
        pair.crowded.call("/v3/kv/put", key=key, value=HIDDEN)
    leases = [Leases(BLUE, SECRET).scope(7), RAW_LEASE, SMALL_LEASE]
    pair.crowded.grant(RAW_LEASE)
    pair.crowded.grant(SMALL_LEASE)
    blue.call("/v3/lease/grant", ID=7, TTL=50_000)
    blue.call("/v3/kv/put", key=b"k", value=HIDDEN, lease=7)
    lock = blue.call("/v3/lock/lock", name=b"door", lease=7)["key"]
    leader = blue.call("/v3/election/campaign", name=b"boss", lease=7, value=HIDDEN)["leader"]
    own = [7, *leases]
    red = pair.caller(RED)
    red.call("/v3/kv/put", key=b"k", value=b"red")
    scene = Scene(red, pair.crowded, leader, lock, own)
    before = scene.state()
    yield scene
    assert scene.state() == before


def test_the_scene_has_something_to_hide(scene: Scene) -> None:
    assert HIDDEN in str(scene.etcd.pairs()).encode()
    assert scene.etcd.pairs()[BLUE + b"k"]["value"] == HIDDEN
    assert len(scene.etcd.leases()) >= 3


@pytest.mark.parametrize("options", [{}, {"count_only": True}, {"keys_only": True, "limit": 1}])
def test_no_range_finds_keys_of_others(scene: Scene, options: Any) -> None:
    for interval in INTERVALS:
        status, answer = scene.attack("/v3/kv/range", **interval, **options)
        if not interval["key"]:
            assert (status, answer["message"]) == (400, "etcdserver: key is not provided")
            continue
        assert status == 200
        assert int(answer.get("count", 0)) <= 1
        assert [pair["key"] for pair in answer.get("kvs", [])] in ([], [b"k"])


def test_no_deletion_reaches_keys_of_others(scene: Scene) -> None:
    for interval in INTERVALS:
        _, answer = scene.attack("/v3/kv/deleterange", **interval, prev_kv=True)
        assert int(answer.get("deleted", 0)) <= 1


def test_no_put_overwrites_a_key_of_others(scene: Scene) -> None:
    for key in [b"", *KEYS]:
        scene.attack("/v3/kv/put", key=key, value=b"red", prev_kv=True)


@pytest.mark.parametrize("depth", [0, 1, 5, MAX_TXN_LEVELS - 1])
def test_no_transaction_reaches_out_however_deep(scene: Scene, depth: int) -> None:
    for kind in ("request_range", "request_delete_range"):
        operations = [{kind: interval} for interval in INTERVALS if interval["key"]]
        message: Any = {"success": operations, "failure": operations}
        for _ in range(depth):
            message = {"success": [{"request_txn": message}]}
        assert scene.attack("/v3/kv/txn", **message)[0] == 200


def test_an_operation_without_a_key_is_refused_however_deep(scene: Scene) -> None:
    for kind in ("request_range", "request_delete_range"):
        message: Any = {"failure": [{kind: {"range_end": b"\0"}}]}
        for _ in range(5):
            status, answer = scene.attack("/v3/kv/txn", **message)
            assert (status, answer["message"]) == (400, "etcdserver: key is not provided")
            message = {"failure": [{"request_txn": message}]}


def test_a_transaction_that_is_too_deep_is_a_clear_error(scene: Scene) -> None:
    for levels in (MAX_TXN_LEVELS + 1, 60, 1000, 20_000):
        body = b'{"success":[{"request_txn":' * (levels - 1) + b"{}" + b"}]}" * (levels - 1)
        status, answer = scene.red.send("/v3/kv/txn", body)
        assert (status, answer["code"]) == (400, 3)


def test_no_comparison_tells_of_keys_of_others(scene: Scene) -> None:
    """Over everything that red can name there is one key, and red's own."""
    for interval in INTERVALS:
        if not interval["key"] or not interval["range_end"]:
            continue
        compares = [{**interval, "target": "VALUE", "result": "NOT_EQUAL", "value": HIDDEN}]
        probe = {"request_range": {**interval, "count_only": True}}
        _, answer = scene.attack("/v3/kv/txn", compare=compares, success=[probe])
        found = answer.get("responses", [{"response_range": {}}])[0]["response_range"]
        assert bool(answer.get("succeeded")) is (found.get("count") == "1")


def test_leases_of_others_are_as_if_they_were_not_there(scene: Scene) -> None:
    nobodys = 0x0FED_CBA9_8765_4321
    for lease in scene.leases:
        for known, unknown in ((lease, 8), (lease, nobodys)):
            for path in ("/v3/lease/revoke", "/v3/lease/timetolive", "/v3/lease/keepalive"):
                attempt, blank = (scene.attack(path, ID=one, keys=True) for one in (known, unknown))
                if (known < 2**31) is (unknown < 2**31):
                    assert same(attempt, known) == same(blank, unknown)
        status, answer = scene.attack("/v3/kv/put", key=b"k", lease=lease)
        assert (status, answer["message"]) == (404, "etcdserver: requested lease not found")


def same(answer: tuple[int, Any], lease: int) -> str:
    """An answer without its header and the lease that was asked for."""
    status, message = answer
    message = message.get("result", message)
    told = {name: value for name, value in message.items() if name not in ("header", "details")}
    return f"{status} {told}".replace(f"'{lease}'", "")


def test_leases_of_others_are_not_listed(scene: Scene) -> None:
    assert scene.attack("/v3/lease/leases")[1].get("leases") is None
    scene.red.call("/v3/lease/grant", ID=7, TTL=5000)
    scene.red.call("/v3/kv/put", key=b"k", lease=7)
    assert scene.red.call("/v3/lease/leases")["leases"] == [{"ID": "7"}]
    assert scene.red.call("/v3/lease/timetolive", ID=7, keys=True)["keys"] == [b"k"]
    scene.attack("/v3/lease/revoke", ID=7)
    assert "kvs" not in scene.red.call("/v3/kv/range", key=b"k")


def test_a_lease_cannot_be_granted_with_an_id_of_others(scene: Scene) -> None:
    for lease in (*scene.leases[1:3], -1, 2**63 - 1, 2**31):
        status, answer = scene.attack("/v3/lease/grant", ID=lease, TTL=60)
        if lease >= 2**31 or lease < 0:
            assert (status, answer["code"]) == (400, 3)


def test_no_lock_of_others_is_released_or_waited_for(scene: Scene) -> None:
    for key in (scene.lock, BLUE + scene.lock, b"../blue/" + scene.lock, b"", BLUE):
        scene.attack("/v3/lock/unlock", key=key)
    scene.red.call("/v3/lease/grant", ID=11, TTL=5000)
    for name in (b"", b"door", BLUE + b"door", b"../blue/door"):
        key = scene.red.call("/v3/lock/lock", name=name, lease=11)["key"]
        assert key.startswith(name + b"/")
    for lease in scene.leases[1:]:
        scene.attack("/v3/lock/lock", name=b"x", lease=lease)
    scene.red.call("/v3/lease/revoke", ID=11)


def test_no_election_of_others_is_seen_or_disturbed(scene: Scene) -> None:
    for name in (b"boss", BLUE + b"boss", b"", b"/"):
        assert scene.attack("/v3/election/leader", name=name)[0] == 404
    for key in (scene.leader["key"], BLUE + scene.leader["key"], b""):
        for lease in (scene.leader["lease"], *scene.leases, 0):
            leader = {**scene.leader, "key": key, "lease": lease, "name": BLUE + b"boss"}
            scene.attack("/v3/election/proclaim", leader=leader, value=b"red")
            scene.attack("/v3/election/resign", leader=leader)
    scene.attack("/v3/election/proclaim", value=b"red")


def test_what_acts_on_all_of_etcd_is_denied(scene: Scene) -> None:
    for path in (
        "/v3/kv/compaction",
        "/v3/maintenance/status",
        "/v3/maintenance/hash",
        "/v3/maintenance/hashkv",
        "/v3/maintenance/snapshot",
        "/v3/maintenance/alarm",
        "/v3/maintenance/defragment",
        "/v3/maintenance/transfer-leadership",
        "/v3/maintenance/downgrade",
        "/v3/cluster/member/list",
        "/v3/cluster/member/add",
        "/v3/auth/enable",
        "/v3/auth/status",
        "/v3/auth/authenticate",
        "/v3/auth/user/add",
        "/v3/auth/role/grant",
    ):
        status, answer = scene.attack(path)
        assert (status, answer["code"]) == (403, 7), path


TRICKS = [
    "/v3/kv/compaction/",
    "/v3/kv//compaction",
    "//v3/maintenance/status",
    "/v3/kv/range/../../maintenance/status",
    "/v3/kv%2Fcompaction",
    "/v3/kv/compaction%00",
    "/v3/KV/Compaction",
    "/v3/kv/compaction:",
    "/v3beta/kv/compaction",
    "/v3/kv/compaction?namespace=",
    "/v3alpha/maintenance/status",
    "/etcdserverpb.KV/Compact",
]
HEADERS = [
    {"x-http-method-override": "PUT"},
    {"grpc-metadata-namespace": ""},
    {"grpc-metadata-token": "root.1"},
    {"grpc-metadata-x-namespace": BLUE.hex()},
    {"forwarded": "for=127.0.0.1"},
    {"x-forwarded-prefix": "/alone"},
    {"x-original-url": "/alone/v3/kv/range"},
    {"content-type": "application/grpc"},
    {"content-type": "application/x-www-form-urlencoded"},
]


@pytest.mark.parametrize("path", TRICKS)
def test_no_spelling_of_a_path_gets_around(scene: Scene, path: str) -> None:
    answer = scene.red.client.post("/scoped" + path, headers=scene.red.headers, content=b"{}")
    assert answer.status_code in (400, 403, 404, 405)


@pytest.mark.parametrize("header", HEADERS, ids=str)
def test_no_header_gets_around(scene: Scene, header: dict[str, str]) -> None:
    body = json.dumps(written({"key": b"\0", "range_end": b"\0"}))
    headers = {**scene.red.headers, **header}
    answer = scene.red.client.post("/scoped/v3/kv/range", headers=headers, content=body)
    assert answer.status_code < 500
    if answer.status_code == 200:
        assert answer.json()["count"] == "1"


@pytest.mark.parametrize(
    "body",
    [
        b'{"key": "aw==", "key": "AA==", "range_end": "AA=="}',
        b'{"key": "AA==", "rangeEnd": "AA=="}',
        b'{"key": "AA==", "range_end": "AA=="} {"key": ""}',
        b'{"key": "", "range_end": "AA=="}',
        b'{"key": null, "range_end": "AA=="}',
        b'{"range_end": "AA=="}',
        b"",
        b"null",
        b"[]",
        b'{"key": {"base64": "AA=="}}',
        b'{"key": "AA", "range_end": "_w=="}',
    ],
)
def test_no_spelling_of_a_body_gets_around(scene: Scene, body: bytes) -> None:
    status, answer = scene.red.send("/v3/kv/range", body)
    harmless(status, answer)
    assert status in (200, 400)
    if status == 200:
        assert int(answer.get("count", 0)) <= 1
