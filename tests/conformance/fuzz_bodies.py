"""Request bodies bent out of shape, the same ones for the same seed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

SEEDS: tuple[tuple[str, Any], ...] = (
    ("/kv/range", {"key": "Zm9v"}),
    (
        "/kv/range",
        {
            "key": "Zm9v",
            "range_end": "Zm9w",
            "limit": "10",
            "revision": 0,
            "sort_order": "DESCEND",
            "sortTarget": "CREATE",
            "serializable": True,
            "keys_only": False,
            "countOnly": None,
            "min_mod_revision": 1,
            "bogus": {"a": [1, None, "x", {"key": "\ud83d\ude00"}]},
        },
    ),
    (
        "/kv/txn",
        {
            "compare": [
                {"key": "Zm9v", "target": "VALUE", "value": "YmFy", "result": "EQUAL"},
                {"key": "Zm9v", "target": 0, "version": "1", "rangeEnd": "Zm9w"},
            ],
            "success": [{"request_range": {"key": "Zm9v", "limit": 1}}],
            "failure": [{"requestRange": {"key": "YmFy"}}, {"request_range": {"key": "YQ=="}}],
        },
    ),
    (
        "/kv/txn",
        {"success": [{"request_txn": {"failure": [{"request_range": {"key": "Zm9v"}}]}}]},
    ),
    ("/kv/put", {"key": "Zm9v", "value": "YmFy", "prev_kv": True}),
    ("/kv/put", {"key": "Zm9v", "value": "AP/+/w==", "lease": "0", "ignoreLease": False}),
    ("/lease/timetolive", {"ID": "7587869134456311811", "keys": True}),
    ("/lease/revoke", {"ID": 42}),
    ("/maintenance/transfer-leadership", {"targetID": "18446744073709551615"}),
    ("/auth/user/get", {"name": "no \u00e9 \ud83d\ude00 body"}),
    ("/auth/role/grant", {"name": "x", "perm": {"permType": "READ", "key": "Zm9v"}}),
    ("/auth/role/grant", {"name": "x", "perm": {"permType": 2, "range_end": "AA=="}}),
    ("/cluster/member/add", {"peerURLs": ["x", "y:1"], "isLearner": False}),
)
"""Paths without the version prefix, with a body to start from."""

NUMBERS = (
    *("0", "-0", "1", "-1", "1.0", "1.50", "1e0", "1E+2", "10e-1", "100e-2", "1e-1", "0.5e1"),
    *("0.05e2", "0e99999999999", "1e400", "1e999999999", "1e20", "1e19", "9e18", "1.e1", "1e"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808", "2147483648"),
    *("-9223372036854775809", "18446744073709551615", "18446744073709551616", "4294967296"),
    *("01", "-", "--1", "+1", ".5", "0x1", "1_0", "00", "-01", "1ee", "1e+", "1" * 30, "NaN"),
    *("0." + "0" * 30, "1" + "0" * 30 + "e-30", "0." + "0" * 30 + "7e31", "-0.0", "1e-0", "2e00"),
)
IN_STRINGS = (
    *(" 1", "1 ", "1 2", "1,2", "1e,", "1e,2", "1e+,", "1]", "1}", "[1", "[1]", "{}", "{", "true"),
    *("null", " null ", "nul", "", " ", "one", "\\u0031", "1\\u0000", "1\\u001f", "1\\u00a0"),
    *("\\u00a01", "\\u0085", "1é", "1\\n", "1:2", '\\"1\\"', "tru", "-", "1.", "\\ud83d\\ude00"),
    *(
        "Zg",
        "Zg=",
        "Zg==",
        "Zg===",
        "Zg====",
        "Z",
        "Z===",
        "Zm8",
        "Zm8=",
        "Zm9v",
        "Zm9vYg",
        "=",
        "==",
    ),
    *("Zm\\n9v", "Zm9v\\r\\n", "\\nZg==", "Zg=\\n=\\r", "Zg==\\n", "Zg==Zg==", "Zg=x", "Zg=\\nx"),
    *("__4-Pw==", "//4+Pw==", "//4-Pw==", "__4-Pw", "Zh==", "Zm9*", "Zm 9v", "Zm9vé", "Zm\\r\\n8"),
    *("descend", "DESCEND", "\\u0044ESCEND", "2", "EQUAL", "READ", "READWRITE", "VALUE", "\\/"),
    *(
        "\\ud800",
        "a\\ud800b",
        "\\udc00",
        "\\ud800\\u0041",
        "\\ud800\\ud83d\\ude00",
        "\\uD83D\\uDE00",
    ),
    *("\\ud83d\\ude0", "\\u12", "\\uzzzz", "\\x", "\\", "\\'", "a\\ud800", "\\ud800\\n123456789"),
    *("\\u2028\\u00ad\\u0378", "\u2028\u00ad\u0007f", "\u007f\u0085", "\\b\\f\\t\\/", "'", "<&>"),
)
OTHERS = (
    *("null", "true", "false", "{}", "[]", "[null]", "[1]", '["x"]', "[[]]", "[{}]", '{"a":1}'),
    *("True", "nul", "tru", "fals", "nulll", "truex", "[1,2,3]", "[102,111,111]", "[256]", "[-0]"),
    *("[1.0]", "[-1]", '["a",1]', "[1,", "[", "{", '{"a"', '{"a":', "[true,300]", "[1,null,2]"),
    *('{"a":"\\ud800"}', '[["\\ud83d\\ude00"],"\\udc00"]', "[[[[[[[[[[]]]]]]]]]]", '{"":{"":""}}'),
    *('"\\ud800"', '{"\\ud800":1}', "[ ]", "{ }", "[null,null]", "[ 1 , 2 ]", '{"key":"Zm9v"}'),
)
SPACES = ("", " ", "\n", "\r\n", "\t", "  \n \n", "\u00a0", "\v", "\ufeff", "/*x*/", "\x00", "é\n")
NAMES = (
    *(
        "key",
        "Key",
        "KEY",
        "k\\u0065y",
        "limit",
        "sort_order",
        "sortOrder",
        "count_only",
        "countOnly",
    ),
    *(
        "@type",
        "",
        "[x]",
        "request_range",
        "requestRange",
        "request_put",
        "value",
        "lease",
        "version",
    ),
    *(
        "peerURLs",
        "ID",
        "name",
        "\\ud800",
        "\\ud83d\\ude00",
        "é",
        "bogus",
        "perm",
        "success",
        "targetID",
    ),
)
BYTES = (b"\xff", b"\xfe\xff", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xc0\x80", b"\x00", b"\x1f")


def bodies(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """*count* pairs of a path and a body."""
    random = Random(seed)
    for _ in range(count):
        path, message = random.choice(SEEDS)
        text = _spoil_tokens(random, _tokens(random, message), random.choice((0, 1, 1, 1, 2, 3)))
        body = text.encode("utf-8", "surrogatepass")
        yield path, _spoil_bytes(random, body) if random.random() < 0.15 else body


def _tokens(random: Random, value: Any) -> list[str]:
    """The JSON of *value* in pieces, members in any order, strings now and then escaped."""
    if isinstance(value, dict):
        items = random.sample(sorted(value.items()), k=random.randint(len(value) // 2, len(value)))
        pairs = [[*_tokens(random, key), ":", *_tokens(random, one)] for key, one in items]
        return ["{", *_joined(pairs), "}"]
    if isinstance(value, list):
        return ["[", *_joined([_tokens(random, one) for one in value]), "]"]
    return [json.dumps(value, ensure_ascii=random.random() < 0.5)]


def _joined(parts: list[list[str]]) -> list[str]:
    return [token for index, part in enumerate(parts) for token in ([","] if index else []) + part]


def _spoil_tokens(random: Random, tokens: list[str], times: int) -> str:
    for _ in range(times):
        if tokens:
            random.choice(_CHANGES)(random, tokens, random.randrange(len(tokens)))
    space = random.choice(SPACES[:6]) if random.random() < 0.3 else ""
    return space + space.join(tokens)


def _replace(random: Random, tokens: list[str], at: int) -> None:
    tokens[at] = _scalar(random)


def _replace_value(random: Random, tokens: list[str], at: int) -> None:
    values = [i + 1 for i, token in enumerate(tokens[:-1]) if token in ":["]
    tokens[random.choice(values) if values else at] = _scalar(random)


def _insert(random: Random, tokens: list[str], at: int) -> None:
    tokens.insert(at, random.choice(("{", "}", "[", "]", ",", ":", _scalar(random))))


def _insert_member(random: Random, tokens: list[str], at: int) -> None:
    places = [i + 1 for i, token in enumerate(tokens) if token in "{,"]
    name = f'"{random.choice(NAMES)}"'
    place = random.choice(places) if places else at
    tokens[place:place] = [name, ":", _scalar(random), ","]


def _delete(_random: Random, tokens: list[str], at: int) -> None:
    del tokens[at]


def _double(random: Random, tokens: list[str], at: int) -> None:
    end = min(len(tokens), at + random.randint(1, 4))
    tokens[end:end] = [",", *tokens[at:end]]


def _swap(random: Random, tokens: list[str], at: int) -> None:
    other = random.randrange(len(tokens))
    tokens[at], tokens[other] = tokens[other], tokens[at]


def _rename(random: Random, tokens: list[str], at: int) -> None:
    names = [i - 1 for i, token in enumerate(tokens) if token == ":" and i]
    tokens[random.choice(names) if names else at] = f'"{random.choice(NAMES)}"'


def _space(random: Random, tokens: list[str], at: int) -> None:
    tokens.insert(at, random.choice(SPACES))


def _truncate(_random: Random, tokens: list[str], at: int) -> None:
    del tokens[at:]


def _scalar(random: Random) -> str:
    return random.choice(
        (
            lambda: random.choice(NUMBERS),
            lambda: f'"{random.choice(NUMBERS)}"',
            lambda: f'"{random.choice(IN_STRINGS)}"',
            lambda: f'"{random.choice(IN_STRINGS)}{random.choice(IN_STRINGS)}"',
            lambda: random.choice(OTHERS),
        )
    )()


_CHANGES: tuple[Callable[[Random, list[str], int], None], ...] = (
    *(_replace_value,) * 14,
    *(_insert_member,) * 6,
    *(_rename,) * 2,
    *(_replace, _insert, _delete, _double, _swap, _space, _truncate),
)


def _spoil_bytes(random: Random, body: bytes) -> bytes:
    at = random.randint(0, len(body))
    match random.randrange(4):
        case 0:
            return body[:at]
        case 1:
            return body[:at] + random.choice(BYTES) + body[at:]
        case 2:
            return body[:at] + random.choice(BYTES) + body[at + 1 :]
        case _:
            return body + random.choice((b"x", b"}", b"{}", b"\x00", b" garbage", b"\xff"))
