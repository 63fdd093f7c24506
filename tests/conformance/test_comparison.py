"""The comparison: it must see every difference that a client could see."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest

from .comparison import differences, message, view
from .corpus import Step
from .exchange import Answer
from .line import End
from .pair import unpromised
from .talk import Heard

STEP = Step(path="/v3/kv/range")


def answer(body: Any, *, status: int = 200, raw: bool = False, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(
        status=status,
        headers={"content-type": "application/json", **named},
        body=(body if raw else json.dumps(body)).encode(),
    )


def compare(stock: Answer, ours: Answer, step: Step = STEP) -> list[str]:
    return differences(view(stock, step, {}), view(ours, step, {}))


@pytest.mark.parametrize(
    ("stock", "ours"),
    [
        pytest.param({"count": "1"}, {"count": 1}, id="string-and-number"),
        pytest.param({"more": True}, {"more": 1}, id="true-and-one"),
        pytest.param({"a": 1}, {"a": 1.0}, id="integer-and-float"),
        pytest.param({"a": []}, {}, id="empty-and-missing"),
        pytest.param({"a": None}, {}, id="null-and-missing"),
        pytest.param({"a": [1, 2]}, {"a": [2, 1]}, id="order-of-a-list"),
        pytest.param({"header": {"revision": "5"}}, {"header": {"revision": "6"}}, id="revision"),
    ],
)
def test_bodies_that_differ_are_told(stock: Any, ours: Any) -> None:
    assert len(compare(answer(stock), answer(ours))) == 1


def test_the_order_of_members_and_blanks_do_not_count() -> None:
    stock = answer('{"a":1,"b":{"c":2,"d":3}}', raw=True)
    assert compare(stock, answer('{"b": {"d": 3, "c": 2}, "a": 1}', raw=True)) == []


def test_status_and_headers_count() -> None:
    ours = answer({}, status=201, content_type="text/plain", www_authenticate="x")
    told = [line.partition(":")[0] for line in compare(answer({}), ours)]
    assert told == ["status", "content-type", "body", "www-authenticate"]


def test_a_body_that_is_not_the_json_it_says_differs_from_one_that_is() -> None:
    assert compare(answer({}), answer("{", raw=True)) != []


def test_a_member_that_is_named_twice_is_told() -> None:
    assert compare(answer({"a": 1}), answer('{"a":1,"a":1}', raw=True)) != []


def test_what_varies_must_be_there_and_of_one_type() -> None:
    step = Step(path="/", varies=("TTL", "members.*.ID"))
    stock = answer({"TTL": "59", "members": [{"ID": "1"}, {"ID": "2"}]})
    assert compare(stock, answer({"TTL": "7", "members": [{"ID": "3"}, {"ID": "4"}]}), step) == []
    assert compare(stock, answer({"TTL": 7, "members": [{"ID": "3"}, {"ID": "4"}]}), step) != []
    assert compare(stock, answer({"TTL": "7", "members": [{"ID": "3"}, {}]}), step) != []
    assert compare(stock, answer({"members": [{"ID": "3"}, {"ID": "4"}]}), step) != []


def test_an_unordered_list_must_have_the_same_elements() -> None:
    step = Step(path="/", unordered=("alarms",))
    stock = answer({"alarms": [{"a": 1}, {"b": 2}]})
    assert compare(stock, answer({"alarms": [{"b": 2}, {"a": 1}]}), step) == []
    assert compare(stock, answer({"alarms": [{"b": 2}, {"b": 2}]}), step) != []


def test_only_the_value_that_a_side_invented_is_set_aside() -> None:
    body, other = {"ID": "11", "key": "k"}, {"ID": "22", "key": "k"}
    stock = view(answer(body), STEP, {"11": "lease"})
    assert differences(stock, view(answer(other), STEP, {"22": "lease"})) == []
    assert differences(stock, view(answer(other), STEP, {"33": "lease"})) != []


def test_the_blank_after_proto_may_be_either_of_two() -> None:
    stock, ours = (answer({"message": f"proto:{blank}bad\u00a0x"}) for blank in ("\u00a0", " "))
    assert compare(stock, ours) == []
    assert compare(stock, answer({"message": "proto: bad x"})) != []


def heard(*pieces: bytes, how: str | None = "end", code: int | None = None, **more: Any) -> Heard:
    end = None if how is None else End(how=how, code=code)
    return Heard(**{"status": 200, "headers": {}, "pieces": pieces, "end": end, **more})


def talked(stock: Heard, ours: Heard) -> list[str]:
    return differences(view(stock, STEP, {}), view(ours, STEP, {}))


@pytest.mark.parametrize(
    "ours",
    [
        pytest.param(heard(b'{"a":1}\n'), id="a-message-less"),
        pytest.param(heard(b'{"b":2}\n', b'{"a":1}\n'), id="another-order"),
        pytest.param(heard(b'{"a":1}\n', b'{"b":2}'), id="no-newline-at-the-end"),
        pytest.param(heard(b'{"a":1}\n', b'{"b":2}\n', how=None), id="still-open"),
        pytest.param(heard(b'{"a":1}\n', b'{"b":2}\n', how="cut"), id="cut"),
        pytest.param(heard(b'{"a":1}{"b":2}\n'), id="two-on-a-line"),
    ],
)
def test_conversations_that_differ_are_told(ours: Heard) -> None:
    stock = heard(b'{"a":1}\n', b'{"b":2}\n')
    assert talked(stock, stock) == []
    assert talked(stock, ours) != []


def test_a_close_frame_where_the_stock_gateway_cuts_is_no_difference_in_itself() -> None:
    stock, ours = heard(status=101, how="cut"), heard(status=101, how="over", code=1007)
    assert talked(stock, ours) == []
    assert unpromised(Step(path="/", close=1007), "3.6.14", ours) == []
    assert unpromised(Step(path="/", close=1008), "3.6.14", ours) != []
    assert unpromised(Step(path="/", close=1007), "3.6.14", stock) != []


def test_a_snapshot_must_count_down_and_have_its_digest() -> None:
    def part(data: bytes, left: int) -> bytes:
        result = {"remaining_bytes": str(left), "blob": b64encode(data).decode()}
        return json.dumps({"result": result if left else {"blob": result["blob"]}}).encode() + b"\n"

    whole = (part(b"ab", 2), part(b"cd", 0), part(sha256(b"abcd").digest(), 0))
    skipped = (part(b"ab", 3), *whole[1:])
    damaged = (part(b"ax", 2), *whole[1:])
    stock = heard(*whole, digest=True)
    assert talked(stock, heard(*whole, digest=True)) == []
    assert talked(stock, heard(*skipped, digest=True)) != []
    assert talked(stock, heard(*damaged, digest=True)) != []


def test_the_message_of_an_answer_is_its_member_or_its_text() -> None:
    assert message(answer({"code": 5, "message": "proto:\u00a0x"})) == "proto: x"
    assert message(answer("Not Found\n", raw=True, content_type="text/plain")) == "Not Found\n"
    assert message(answer({"kvs": []})) is None
