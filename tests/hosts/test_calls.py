"""Calls through every host: what goes in comes out as etcd has it."""

from base64 import b64decode
from collections.abc import Iterator

import httpx
import pytest

from etcd_asgi.testing import EtcdServer
from tests.hosts.observe import ask
from tests.hosts.serving import until, version_told
from tests.hosts.target import Target, text

MIB = 1024 * 1024


def test_a_value_that_is_put_is_there_in_a_range(target: Target, key: str) -> None:
    put = target.call("/v3/kv/put", {"key": text(key), "value": text("a value")})
    found = target.call("/v3/kv/range", {"key": text(key)})

    assert (put.status_code, found.status_code) == (200, 200)
    assert found.headers["content-type"] == "application/json"
    assert found.headers["grpc-metadata-content-type"] == "application/grpc"
    (pair,) = found.json()["kvs"]
    assert (pair["key"], pair["value"]) == (text(key), text("a value"))
    assert pair["mod_revision"] == put.json()["header"]["revision"]


def test_the_host_still_answers_its_own_page(target: Target) -> None:
    if not target.host.own_page:
        pytest.skip("this host has no page of its own")
    answer = httpx.get(target.server.url)
    assert answer.status_code == 200
    assert "grpc-metadata-content-type" not in answer.headers


def test_the_v3beta_prefix_answers_too(target: Target, key: str) -> None:
    answer = target.call("/v3beta/kv/range", {"key": text(key)})
    assert answer.status_code == 200
    assert set(answer.json()) == {"header"}


def test_an_error_of_etcd_arrives_as_json(target: Target) -> None:
    answer = target.call("/v3/kv/put", {"value": text("without a key")})
    assert answer.status_code == 400
    assert answer.json() == {"code": 3, "message": "etcdserver: key is not provided"}


def test_json_that_is_none_is_answered_with_a_json_error(target: Target) -> None:
    answer = target.client.post("/v3/kv/range", content=b'{"key": "YQ=="')
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["code"] == 3
    assert answer.json()["message"]


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b'{"ke', b'y": "', b'%s"', b"}"], id="split-in-a-string"),
        pytest.param([b'{"key": "%s"}'], id="one-chunk"),
        pytest.param([b" ", b"\n", b'{"key": "%s"}', b"\n"], id="blanks-around"),
    ],
)
@pytest.mark.parametrize("version", ["v3", "v3beta"])
def test_a_chunked_body_is_read_as_a_whole(
    target: Target, key: str, version: str, pieces: list[bytes]
) -> None:
    target.call("/v3/kv/put", {"key": text(key), "value": text("chunked")})
    body = (piece.replace(b"%s", text(key).encode()) for piece in pieces)
    answer = target.send("POST", f"/{version}/kv/range", body)
    assert answer.status == 200
    assert answer.json["kvs"][0]["value"] == text("chunked")


@pytest.fixture(scope="session")
def five_mib(etcd: EtcdServer) -> Iterator[str]:
    """A prefix with 5 MiB of values under it."""
    prefix = "hosts/large/"
    for number in range(5):
        ask(etcd, "kv/put", {"key": text(f"{prefix}{number}"), "value": text(str(number) * MIB)})
    yield prefix
    ask(etcd, "kv/deleterange", {"key": text(prefix), "range_end": text(_end(prefix))})


def test_an_answer_of_five_mebibytes_arrives_whole(target: Target, five_mib: str) -> None:
    answer = target.call("/v3/kv/range", {"key": text(five_mib), "range_end": text(_end(five_mib))})
    assert answer.status_code == 200
    values = [b64decode(pair["value"]) for pair in answer.json()["kvs"]]
    assert values == [str(number).encode() * MIB for number in range(5)]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"key": "%s"}' % (b"A" * 3 * MIB), id="a-long-key"),
        pytest.param(b" " * 3 * MIB, id="blanks"),
    ],
)
@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
@pytest.mark.parametrize("version", ["v3", "v3beta"])
def test_a_body_over_the_limit_is_answered_with_413(
    target: Target, version: str, chunked: bool, body: bytes
) -> None:
    pieces = (body[at : at + 65536] for at in range(0, len(body), 65536))
    answer = target.client.post(f"/{version}/kv/put", content=pieces if chunked else body)
    assert answer.status_code == 413
    assert answer.json()["code"] == 8
    assert "too large" in answer.json()["message"]


@pytest.mark.parametrize("path", ["/v3/kv/put", "/v3/no/such", "/nowhere"])
def test_a_connection_serves_on_after_a_body_that_was_refused(
    target: Target, path: str, key: str
) -> None:
    for _ in range(3):
        assert target.client.post(path, content=b" " * (3 * MIB)).status_code in (404, 413)
        assert target.call("/v3/kv/range", {"key": text(key)}).status_code == 200


def test_version_and_health_are_under_the_mount(target: Target, etcd: EtcdServer) -> None:
    version = version_told(target.url, etcd.version)
    assert version.json() == {"etcdserver": etcd.version, "etcdcluster": _cluster(etcd.version)}
    until(lambda: target.client.get("/health").status_code == 200, "an etcd that is healthy")
    health = target.client.get("/health")
    assert (health.status_code, health.json()) == (200, {"health": "true", "reason": ""})
    assert target.client.get("/livez").status_code == 200
    assert target.client.get("/readyz").status_code == 200


def _cluster(version: str) -> str:
    return ".".join([*version.split(".")[:2], "0"])


def _end(prefix: str) -> str:
    """The key after all that begin with *prefix*."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)
