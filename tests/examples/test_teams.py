"""Each user sees the own team's keys and nothing else, through every RPC and every form."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from etcd_asgi import KEY_VALUE, READ_ONLY
from etcd_asgi.calls.bindings import bindings
from etcd_asgi.namespace import SCOPED
from tests.examples.conftest import SECRET, Teams
from tests.examples.visiting import call, text

Json = dict[str, Any]
PATHS = {each.name: each.path.removeprefix("/") for each in bindings()}
EVERYTHING = {"key": text("\0"), "range_end": text("\0")}
THEIRS = [
    pytest.param(EVERYTHING, id="everything"),
    pytest.param({"key": text("/teams/blue/"), "range_end": text("/teams/blue0")}, id="prefix"),
    pytest.param({"key": text(f"/teams/blue/{SECRET}")}, id="whole-key"),
    pytest.param({"key": text(f"../blue/{SECRET}")}, id="dots"),
    pytest.param({"key": text(SECRET)}, id="same-name"),
    pytest.param({"key": text("~"), "range_end": text("\0")}, id="from-key"),
    pytest.param({"key": text("a"), "range_end": text("z")}, id="interval"),
]


@pytest.fixture
def mine(teams: Teams) -> str:
    """A key that the red team has just written."""
    key = f"own/{uuid.uuid4()}"
    answer = call(teams.red, "kv/put", {"key": text(key), "value": text("red")})
    assert answer.status_code == 200
    return key


def hides_theirs(answer: httpx.Response) -> bool:
    """Whether an answer, or a refusal, has nothing of the blue team's."""
    assert answer.status_code < 500, answer.text
    return text(SECRET)[:12] not in answer.text and SECRET not in answer.text


def test_a_team_sees_its_own_keys(teams: Teams, mine: str) -> None:
    for client in (teams.red, teams.reader):
        answer = call(client, "kv/range", {"key": text(mine)}).json()
        assert [kv["value"] for kv in answer["kvs"]] == [text("red")]
    everything = call(teams.blue, "kv/range", EVERYTHING)
    assert text(SECRET) in everything.text
    assert text(mine) not in everything.text


@pytest.mark.parametrize("keys", THEIRS)
def test_no_range_shows_the_other_teams_keys(teams: Teams, keys: Json) -> None:
    for client in (teams.red, teams.reader):
        plain = call(client, "kv/range", keys)
        assert hides_theirs(plain)
        assert plain.json()["header"]
        inner = {"request_txn": {"success": [{"request_range": keys}]}}
        assert hides_theirs(call(client, "kv/txn", {"success": [inner]}))
        assert hides_theirs(call(client, "kv/txn", {"compare": [{**keys, "version": "9"}]}))


@pytest.mark.parametrize("keys", THEIRS)
def test_no_delete_reaches_the_other_teams_keys(teams: Teams, keys: Json) -> None:
    before = call(teams.blue, "kv/range", {"key": text(SECRET)}).json()["kvs"]
    assert hides_theirs(call(teams.red, "kv/deleterange", {**keys, "prev_kv": True}))
    operation = {"request_delete_range": {**keys, "prev_kv": True}}
    assert hides_theirs(call(teams.red, "kv/txn", {"success": [operation]}))
    assert call(teams.blue, "kv/range", {"key": text(SECRET)}).json()["kvs"] == before


def test_leases_locks_and_elections_of_the_other_team_are_out_of_reach(teams: Teams) -> None:
    red, lease = teams.red, teams.lease
    for path in ("lease/revoke", "lease/timetolive", "lease/keepalive"):
        answer = call(red, path, {"ID": lease, "keys": True})
        assert hides_theirs(answer)
    stolen = call(red, "kv/put", {"key": text("k"), "value": text("v"), "lease": lease})
    assert stolen.status_code == 404
    assert lease not in call(red, "lease/leases", {}).text
    leader = call(red, "election/leader", {"name": text("shared-name/e")})
    assert leader.json()["message"] == "election: no leader"
    free = call(red, "lease/grant", {"TTL": 600}).json()["ID"]
    lock = {"name": text("shared-name"), "lease": free}
    assert call(red, "lock/lock", lock).status_code == 200  # a lock of its own, of the same name
    alive = call(teams.blue, "lease/timetolive", {"ID": lease, "keys": True}).json()
    assert int(alive["TTL"]) > 0
    assert len(alive["keys"]) == 3


@pytest.mark.parametrize("rpc", sorted(set(PATHS) - KEY_VALUE))
def test_what_is_not_about_keys_is_refused(teams: Teams, rpc: str) -> None:
    for client in (teams.red, teams.reader, teams.blue):
        answer = call(client, PATHS[rpc], {})
        assert (answer.status_code, answer.json()["code"]) == (403, 7)


def test_what_is_granted_is_held_in_the_namespace() -> None:
    assert KEY_VALUE <= SCOPED


def watched_over_post(client: httpx.Client, request: Json) -> Iterator[str]:
    with client.stream("POST", "/etcd/v3/watch", json=request) as answer:
        assert answer.status_code == 200
        yield from answer.iter_lines()


def until_seen(lines: Iterator[str], key: str) -> str:
    """All that comes until *key* does."""
    seen = ""
    for line in lines:
        seen += line
        if text(key) in line:
            return seen
    raise AssertionError(f"it ended: {seen}")


FROM_THE_START = {"create_request": {**EVERYTHING, "start_revision": "1", "prev_kv": True}}


def test_a_watch_over_post_shows_the_own_keys_alone(teams: Teams, mine: str) -> None:
    for client in (teams.red, teams.reader):
        seen = until_seen(watched_over_post(client, FROM_THE_START), mine)
        assert text(SECRET)[:12] not in seen


def test_a_watch_over_a_websocket_shows_the_own_keys_alone(teams: Teams, mine: str) -> None:
    for client in (teams.red, teams.reader):
        with teams.example.socket(client, "watch") as socket:
            socket.send(json.dumps(FROM_THE_START))
            seen = until_seen((str(message) for message in socket), mine)
            assert text(SECRET)[:12] not in seen


def test_a_unary_rpc_over_a_websocket_shows_the_own_keys_alone(teams: Teams, mine: str) -> None:
    with teams.example.socket(teams.red, "kv/range") as socket:
        socket.send(json.dumps(EVERYTHING))
        answer = str(socket.recv(timeout=20))
        assert text(mine) in answer
        assert text(SECRET)[:12] not in answer


def test_observing_an_election_of_the_other_team_shows_nothing(teams: Teams) -> None:
    """A watch that sees a later change proves that the stream had its time."""
    name = {"name": text("shared-name/e")}
    with teams.example.socket(teams.red, "election/observe") as socket:
        socket.send(json.dumps(name))
        lease = call(teams.red, "lease/grant", {"TTL": 600}).json()["ID"]
        mine = {**name, "lease": lease, "value": text("red leads")}
        assert call(teams.red, "election/campaign", mine).status_code == 200
        first = str(socket.recv(timeout=20))
        assert text("red leads") in first
        assert text(SECRET)[:12] not in first
    assert call(teams.red, "lease/revoke", {"ID": lease}).status_code == 200


WRITES = sorted(KEY_VALUE - READ_ONLY)


@pytest.mark.parametrize("rpc", WRITES)
def test_the_reader_may_call_nothing_that_writes(teams: Teams, rpc: str) -> None:
    answer = call(teams.reader, PATHS[rpc], {})
    assert answer.status_code == 403
    assert answer.json() == {"code": 7, "message": f"{rpc} is not granted"}
    with pytest.raises(InvalidStatus) as refused, teams.example.socket(teams.reader, PATHS[rpc]):
        pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("branch", ["success", "failure"])
@pytest.mark.parametrize("kind", ["request_put", "request_delete_range"])
def test_the_reader_writes_nothing_in_a_transaction(
    teams: Teams, mine: str, branch: str, kind: str
) -> None:
    operation: Json = {kind: {"key": text(mine)}}
    for _ in range(3):
        answer = call(teams.reader, "kv/txn", {branch: [operation]})
        assert answer.status_code == 403
        operation = {"request_txn": {branch: [operation]}}
    found = call(teams.reader, "kv/range", {"key": text(mine)}).json()
    assert found["kvs"][0]["value"] == text("red")
