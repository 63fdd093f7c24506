"""The requests that are measured, and the data they need."""

from __future__ import annotations

import json
import random
from base64 import b64encode
from dataclasses import dataclass
from urllib.request import Request, urlopen

from etcd_asgi.etcd import proto

KEYS = 1000
VALUE_BYTES = 100

_TIMEOUT = 30.0
_OPERATIONS = 100  # etcd takes up to 128 in a transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One request, sent again and again."""

    name: str
    title: str
    path: str

    body: bytes
    """JSON."""

    rpc: str
    request: bytes
    """The serialized message that *body* stands for."""

    least_answer_bytes: int
    """No right answer is shorter."""


def workloads() -> tuple[Workload, ...]:
    """All of them."""
    one, value = b"bench/one", _value(1)
    return (
        _range("range-1", "range of one key", key=one),
        _workload(
            ("put", "put of one key"),
            ("/v3/kv/put", "/etcdserverpb.KV/Put", "etcdserverpb.PutRequest"),
            {"key": b"bench/put", "value": value},
            least_answer_bytes=60,
        ),
        _range("range-1000", f"range of {KEYS} keys", key=b"bench/many/", range_end=b"bench/many0"),
    )


def _range(name: str, title: str, **fields: bytes) -> Workload:
    return _workload(
        (name, title),
        ("/v3/kv/range", "/etcdserverpb.KV/Range", "etcdserverpb.RangeRequest"),
        fields,
        least_answer_bytes=KEYS * VALUE_BYTES if "range_end" in fields else VALUE_BYTES,
    )


def _workload(
    names: tuple[str, str],
    rpc: tuple[str, str, str],
    fields: dict[str, bytes],
    *,
    least_answer_bytes: int,
) -> Workload:
    message = proto.message_class(proto.message_type(rpc[2]))(**fields)
    return Workload(
        name=names[0],
        title=names[1],
        path=rpc[0],
        rpc=rpc[1],
        body=json.dumps({name: _text(value) for name, value in fields.items()}).encode(),
        request=message.SerializeToString(),
        least_answer_bytes=least_answer_bytes,
    )


def fill(url: str) -> None:
    """Put the keys that the ranges read into the etcd at *url*."""
    puts = {b"bench/one": _value(0)}
    puts |= {b"bench/many/%04d" % number: _value(number) for number in range(KEYS)}
    operations = [
        {"request_put": {"key": _text(key), "value": _text(value)}} for key, value in puts.items()
    ]
    for start in range(0, len(operations), _OPERATIONS):
        body = {"success": operations[start : start + _OPERATIONS]}
        post(f"{url}/v3/kv/txn", json.dumps(body).encode())


def post(url: str, body: bytes) -> bytes:
    """The answer's body.

    Raises:
        OSError: there is no answer, or it is not a success.
    """
    request = Request(url, body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=_TIMEOUT) as response:
        answer: bytes = response.read()
    return answer


def _value(seed: int) -> bytes:
    """Bytes that do not compress; the same in every run."""
    return random.Random(seed).randbytes(VALUE_BYTES)


def _text(value: bytes) -> str:
    return b64encode(value).decode()
