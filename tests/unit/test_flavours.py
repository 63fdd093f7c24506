"""Error bodies and statuses, release by release."""

import json

import pytest

from etcd_asgi.flavours import FLAVOURS, flavour
from etcd_asgi.status import Code

MEMBERS = {
    "3.3": ["error", "code"],
    "3.4": ["error", "code", "message"],
    "3.5": ["error", "code", "message"],
    "3.6": ["code", "message"],
    "3.7": ["code", "message"],
    "compat": ["error", "code", "message"],
}

# Where a status differs between releases. All others are the same in all.
STATUSES = {
    "3.3": {1: 408, 4: 408, 8: 403, 9: 412},
    "3.4": {1: 408, 4: 504, 8: 429, 9: 400},
    "3.5": {1: 408, 4: 504, 8: 429, 9: 400},
    "3.6": {1: 499, 4: 504, 8: 429, 9: 400},
    "3.7": {1: 499, 4: 504, 8: 429, 9: 400},
    "compat": {1: 499, 4: 504, 8: 429, 9: 400},
}
COMMON = {
    2: 500, 3: 400, 5: 404, 6: 409, 7: 403, 10: 409, 11: 400,
    12: 501, 13: 500, 14: 503, 15: 500, 16: 401, 17: 500, 99: 500,
}  # fmt: skip


def test_these_are_the_flavours() -> None:
    assert list(FLAVOURS) == ["3.3", "3.4", "3.5", "3.6", "3.7", "compat"]


@pytest.mark.parametrize("name", FLAVOURS)
def test_an_error_body_has_the_members_of_its_release_in_order(name: str) -> None:
    body = json.loads(flavour(name).error_body(Code.NOT_FOUND, "gone <é>"))
    assert list(body) == MEMBERS[name]
    assert body["code"] == 5
    assert {body[member] for member in body if member != "code"} == {"gone <é>"}


@pytest.mark.parametrize("name", FLAVOURS)
def test_every_grpc_code_has_the_status_of_its_release(name: str) -> None:
    expected = COMMON | STATUSES[name]
    assert {code: flavour(name).http_status(code) for code in expected} == expected
    assert set(expected) >= set(Code) - {Code.OK}


def test_an_error_text_that_is_no_unicode_makes_a_body_all_the_same() -> None:
    assert json.loads(flavour("3.6").error_body(2, "a\ud800b"))["message"] == "a?b"


def test_an_unknown_flavour_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown flavour '2.3'.*'3.6'.*'compat'"):
        flavour("2.3")


V1_STREAM_ERROR = (
    b'{"error":{"grpc_code":16,"http_code":401,"message":"no","http_status":"Unauthorized"}}'
)
STREAM_ERRORS = {
    "3.3": V1_STREAM_ERROR,
    "3.5": V1_STREAM_ERROR,
    "3.6": b'{"error":{"code":16,"message":"no"}}\n',
    "3.7": b'{"error":{"code":16,"message":"no"}}\n',
    "compat": b'{"error":{"grpc_code":16,"http_code":401,"http_status":"Unauthorized","code":16,'
    b'"message":"no"}}\n',
}


@pytest.mark.parametrize("name", STREAM_ERRORS)
def test_the_last_line_of_a_stream_says_what_its_release_says(name: str) -> None:
    assert flavour(name).stream_error(Code.UNAUTHENTICATED, "no") == STREAM_ERRORS[name]


def test_a_status_that_go_has_no_words_for_has_none() -> None:
    assert b"http_status" not in flavour("compat").stream_error(Code.CANCELLED, "gone")
