"""The codec alone, against protobuf's ``json_format``."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf import json_format
from google.protobuf.message import Message

from benchmarks.spread import Spread
from benchmarks.workloads import KEYS, VALUE_BYTES
from etcd_asgi import codec
from etcd_asgi.codec import Dialect
from etcd_asgi.etcd import proto

Both = Callable[[], object]
"""A request's JSON to bytes, and an answer's bytes to JSON."""

_SLICE = 0.02
"""Seconds that one contestant runs before the next has its turn."""

_REQUEST = "etcdserverpb.RangeRequest"
_RESPONSE = "etcdserverpb.RangeResponse"
_ONE = b'{"key": "YmVuY2gvb25l"}'
_MANY = b'{"key": "YmVuY2gvbWFueS8=", "range_end": "YmVuY2gvbWFueTA="}'
_MAX_DEPTH = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Seconds for both ways, and how many times longer ``json_format`` takes than the codec."""

    title: str
    ours: Spread
    ordinary: Spread
    compact: Spread
    ordinary_ratio: Spread
    compact_ratio: Spread


def measure(rounds: int) -> list[Compared]:
    """Compare on the two ranges that the servers are measured with."""
    return [
        _compare("range of one key", _ONE, _answer(1), rounds),
        _compare(f"range of {KEYS} keys", _MANY, _answer(KEYS), rounds),
    ]


def _compare(title: str, request: bytes, answer: bytes, rounds: int) -> Compared:
    contestants = _ours(request, answer), *_json_format(request, answer)
    counts = [_count(one) for one in contestants]
    times = [
        [_time(one, count) for one, count in zip(contestants, counts, strict=True)]
        for _ in range(rounds)
    ]
    return Compared(
        title=title,
        ours=Spread.of(ours for ours, _, _ in times),
        ordinary=Spread.of(ordinary for _, ordinary, _ in times),
        compact=Spread.of(compact for _, _, compact in times),
        ordinary_ratio=Spread.of(ordinary / ours for ours, ordinary, _ in times),
        compact_ratio=Spread.of(compact / ours for ours, _, compact in times),
    )


def _ours(request: bytes, answer: bytes) -> Both:
    request_type, response_type = proto.message_type(_REQUEST), proto.message_type(_RESPONSE)
    parse = proto.message_class(response_type).FromString
    serialize = codec.serializer(request_type, Dialect.PROTOJSON, max_depth=_MAX_DEPTH)
    encode = codec.encoder(response_type)

    def both() -> object:
        return serialize(request), encode(parse(answer))

    return both


def _json_format(request: bytes, answer: bytes) -> tuple[Both, Both]:
    """The ordinary way, which indents the answer, and the one that does not."""
    request_class = proto.message_class(proto.message_type(_REQUEST))
    parse = proto.message_class(proto.message_type(_RESPONSE)).FromString

    def up() -> bytes:
        return json_format.Parse(request, request_class()).SerializeToString()

    def ordinary() -> object:
        message = parse(answer)
        return up(), json_format.MessageToJson(message, preserving_proto_field_name=True).encode()

    def compact() -> object:
        message = parse(answer)
        text = json_format.MessageToJson(message, preserving_proto_field_name=True, indent=None)
        return up(), text.encode()

    return ordinary, compact


def _answer(keys: int) -> bytes:
    answer: Message = proto.message_class(proto.message_type(_RESPONSE))(
        header={
            "cluster_id": 14841639068965178418,
            "member_id": 10276657743932975437,
            "revision": keys + 1,
            "raft_term": 2,
        },
        kvs=[
            {
                "key": b"bench/many/%04d" % number,
                "create_revision": number + 2,
                "mod_revision": number + 2,
                "version": 1,
                "value": bytes(range(VALUE_BYTES)),
            }
            for number in range(keys)
        ],
        count=keys,
    )
    return answer.SerializeToString()


def _count(both: Both) -> int:
    """How often it can run in a slice."""
    return max(1, int(_SLICE / _time(both, 1)))


def _time(both: Both, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        both()
    return (time.perf_counter() - start) / count
