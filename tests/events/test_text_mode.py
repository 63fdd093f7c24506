"""Bytes as text over every wire form."""

import json
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.events.served import Served
from tests.hosts.target import TIMEOUT, text

JSON = "application/json"
AS_TEXT = f"{JSON}; bytes=text"
BOTH = {"content-type": AS_TEXT, "accept": AS_TEXT}


def test_a_text_that_is_put_is_read_as_text(uvicorn: Served, key: str) -> None:
    value = 'ü "\N{GRINNING FACE}"\n'
    put = post(uvicorn, "kv/put", {"key": key, "value": value}, BOTH)
    assert put.status_code == 200
    found = post(uvicorn, "kv/range", {"key": key}, BOTH)
    assert found.headers["content-type"] == AS_TEXT
    (pair,) = found.json()["kvs"]
    assert (pair["key"], pair["value"]) == (key, value)


def test_the_answer_to_text_is_text_unless_accept_says_otherwise(uvicorn: Served, key: str) -> None:
    post(uvicorn, "kv/put", {"key": key, "value": "v"}, {"content-type": AS_TEXT})
    for accept, is_text in (
        ("*/*", True),
        (JSON, True),
        (f"{JSON}; bytes=base64", False),
        (f"*/*, {JSON}; bytes=base64; q=0.5", True),
    ):
        headers = {"content-type": AS_TEXT, "accept": accept}
        found = post(uvicorn, "kv/range", {"key": key}, headers)
        assert found.headers["content-type"] == (AS_TEXT if is_text else JSON)
        assert found.json()["kvs"][0]["key"] == (key if is_text else text(key))


def test_base64_can_be_answered_with_text(uvicorn: Served, key: str) -> None:
    post(uvicorn, "kv/put", {"key": key, "value": "v"}, {"content-type": AS_TEXT})
    read = post(uvicorn, "kv/range", {"key": text(key)}, {"accept": "*/*; bytes=text"})
    assert read.headers["content-type"] == AS_TEXT
    assert read.json()["kvs"][0]["key"] == key


def test_bytes_that_are_no_text_go_both_ways(uvicorn: Served, key: str) -> None:
    binary = {"base64": "/wA="}
    post(uvicorn, "kv/put", {"key": key, "value": binary}, BOTH)
    assert post(uvicorn, "kv/range", {"key": key}, BOTH).json()["kvs"][0]["value"] == binary


def test_a_large_answer_is_text_too(uvicorn: Served, key: str) -> None:
    value = 'x"{,' * 25_000
    for number in range(10):
        post(uvicorn, "kv/put", {"key": f"{key}{number}", "value": value}, BOTH)
    found = post(uvicorn, "kv/range", {"key": key, "range_end": key[:-1] + "0"}, BOTH).json()
    assert [pair["value"] for pair in found["kvs"]] == [value] * 10


def test_an_error_of_the_codec_names_what_was_given(uvicorn: Served) -> None:
    refused = post(uvicorn, "kv/put", {"key": {"base64": 5}}, BOTH)
    assert refused.status_code == 400
    assert refused.headers["content-type"] == JSON
    message = refused.json()["message"]
    assert message == 'invalid value for bytes field key: {"base64":5}: "base64" is a string'


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"content-type": f"{JSON}; bytes=hex"}, 400, id="content-type"),
        pytest.param({"accept": f"{JSON}; bytes=hex"}, 406, id="accept"),
    ],
)
def test_any_other_way_is_refused(uvicorn: Served, headers: dict[str, str], status: int) -> None:
    refused = post(uvicorn, "kv/range", {"key": "YQ=="}, headers)
    assert refused.status_code == status
    assert refused.json()["code"] == 3
    assert "use bytes=text or bytes=base64" in refused.json()["message"]


def test_an_explicit_base64_is_what_no_word_is(uvicorn: Served, key: str) -> None:
    headers = {"content-type": f"{JSON}; bytes=base64", "accept": f"{JSON}; bytes=base64"}
    put = post(uvicorn, "kv/put", {"key": text(key)}, headers)
    assert put.headers["content-type"] == JSON
    assert post(uvicorn, "kv/range", {"key": text(key)}, {}).json()["count"] == "1"


def test_a_watch_over_post_is_text(uvicorn: Served, key: str) -> None:
    put = post(uvicorn, "kv/put", {"key": key, "value": "seen"}, BOTH).json()
    start = put["header"]["revision"]
    body = json.dumps({"create_request": {"key": key, "start_revision": start}})
    url = f"{uvicorn.url}/v3/watch"
    with httpx.stream("POST", url, content=body, headers=BOTH, timeout=TIMEOUT) as answer:
        assert answer.headers["content-type"] == AS_TEXT
        lines = answer.iter_lines()
        assert json.loads(next(lines))["result"]["created"] is True
        (event,) = json.loads(next(lines))["result"]["events"]
    assert (event["kv"]["key"], event["kv"]["value"]) == (key, "seen")


def test_a_websocket_with_bytes_text_is_text_both_ways(uvicorn: Served, key: str) -> None:
    put = post(uvicorn, "kv/put", {"key": key, "value": "seen"}, BOTH).json()
    start = put["header"]["revision"]
    url = f"{uvicorn.url.replace('http', 'ws')}/v3/watch?bytes=text"
    with connect(url, open_timeout=TIMEOUT, close_timeout=TIMEOUT) as socket:
        socket.send(json.dumps({"create_request": {"key": key, "start_revision": start}}))
        assert json.loads(socket.recv(TIMEOUT))["result"]["created"] is True
        (event,) = json.loads(socket.recv(TIMEOUT))["result"]["events"]
    assert (event["kv"]["key"], event["kv"]["value"]) == (key, "seen")


def test_a_unary_call_over_a_websocket_is_text_too(uvicorn: Served, key: str) -> None:
    post(uvicorn, "kv/put", {"key": key, "value": "v"}, BOTH)
    url = f"{uvicorn.url.replace('http', 'ws')}/v3/kv/range?bytes=text"
    with connect(url, open_timeout=TIMEOUT, close_timeout=TIMEOUT) as socket:
        socket.send(json.dumps({"key": key}))
        assert json.loads(socket.recv(TIMEOUT))["kvs"][0]["value"] == "v"


def test_a_websocket_with_another_way_is_refused(uvicorn: Served) -> None:
    url = f"{uvicorn.url.replace('http', 'ws')}/v3/watch?bytes=hex"
    with pytest.raises(InvalidStatus) as refused:
        connect(url, open_timeout=TIMEOUT)
    assert refused.value.response.status_code == 400
    assert b"use bytes=text or bytes=base64" in (refused.value.response.body or b"")


def test_a_snapshot_is_json_in_text_mode_as_well(uvicorn: Served) -> None:
    url = f"{uvicorn.url}/v3/maintenance/snapshot"
    with httpx.stream("POST", url, content=b"{}", headers=BOTH, timeout=TIMEOUT) as answer:
        blob = json.loads(next(answer.iter_lines()))["result"]["blob"]
    assert isinstance(blob, str) or list(blob) == ["base64"]


def post(served: Served, path: str, message: Any, headers: dict[str, str]) -> httpx.Response:
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    url = f"{served.url}/v3/{path}"
    return httpx.post(url, content=body, headers=headers, timeout=TIMEOUT)
