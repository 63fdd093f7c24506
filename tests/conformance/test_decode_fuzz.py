"""Bodies bent out of shape, to the stock gateway and to our exact reader."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message

from etcd_asgi.calls.bindings import bindings
from etcd_asgi.codec.decode.go.decoder import decode
from etcd_asgi.codec.dialect import Dialect
from etcd_asgi.errors import DecodeError
from etcd_asgi.testing import EtcdServer
from tests.conformance.fuzz_bodies import bodies

REQUESTS = {binding.path: binding.request for binding in bindings()}
SEED = 20
COUNT = 1_500

VOLATILE = {"header", "revision", "create_revision", "mod_revision", "version", "prev_kv"}
"""What a second identical request changes."""


class Stock:
    """A stock gateway on one kept connection."""

    def __init__(self, endpoint: str) -> None:
        self._connection = HTTPConnection(urlsplit(endpoint).netloc, timeout=30)

    def post(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        self._connection.request("POST", f"/v3{path}", body)
        response = self._connection.getresponse()
        return response.status, json.loads(response.read())

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def stock(etcd_release: str, start_etcd: Callable[..., EtcdServer]) -> Iterator[Stock]:
    """A server of its own: who knows what a bent body asks for."""
    gateway = Stock(start_etcd(etcd_release).endpoint)
    yield gateway
    gateway.close()


def test_bent_bodies_get_the_stock_gateways_answer(stock: Stock, etcd_release: str) -> None:
    """etcd's behaviour: the same refusals in the same words, and the same reading of the rest."""
    dialect = Dialect.JSONPB if etcd_release.startswith("3.5") else Dialect.PROTOJSON
    refused = 0
    for path, body in bodies(SEED, COUNT):
        status, answer = stock.post(path, body)
        ours = reading(path, body, dialect)
        if isinstance(ours, Message):
            assert_same_meaning(stock, path, body, ours, (status, answer))
        else:
            refused += 1
            assert (400, ours) == (status, unified(answer.get("message", ""))), (path, body)
    assert COUNT / 4 < refused < COUNT * 3 / 4


def reading(path: str, body: bytes, dialect: Dialect) -> Message | str:
    """The message that we read, or what we say to it."""
    try:
        return decode(REQUESTS[path], body, dialect, max_depth=100)
    except DecodeError as error:
        return str(error)


def unified(text: str) -> str:
    """The text without what differs between builds of one release.

    protobuf-go prints a space or U+00A0, as a hash of the program decides; Go 1.16 quotes DEL
    differently.
    """
    return text.replace("proto:\u00a0", "proto: ").replace("\\u007f", "\\x7f")


def assert_same_meaning(
    stock: Stock, path: str, body: bytes, message: Message, first: tuple[int, dict[str, Any]]
) -> None:
    """What we read, in canonical form, must get what the body itself got."""
    canonical = json_format.MessageToJson(message, preserving_proto_field_name=True)
    status, answer = stock.post(path, canonical.encode())
    assert (first[0], steady(first[1])) == (status, steady(answer)), (path, body, canonical)
    if path == "/kv/put" and status == 200:
        assert_stored(stock, message)


def assert_stored(stock: Stock, put: Message) -> None:
    key, value = put.key, put.value  # type: ignore[attr-defined]
    query = json.dumps({"key": base64.b64encode(key).decode()})
    (stored,) = stock.post("/kv/range", query.encode())[1]["kvs"]
    assert base64.b64decode(stored.get("value", "")) == value


def steady(answer: Any) -> Any:
    if isinstance(answer, dict):
        return {name: steady(one) for name, one in answer.items() if name not in VOLATILE}
    return [steady(one) for one in answer] if isinstance(answer, list) else answer
