"""Middleware of the host around the mount changes answers as it should, and breaks none."""

import gzip

import httpx
import pytest

from etcd_asgi.testing import EtcdServer
from tests.hosts.conftest import Serve
from tests.hosts.serving import AppServer
from tests.hosts.target import TIMEOUT, text

ORIGIN = {"Origin": "https://ui.example"}


@pytest.fixture(scope="module")
def dressed(serve: Serve, etcd: EtcdServer) -> AppServer:
    return serve("tests.hosts.apps.dressed:app", etcd.endpoint)


def test_an_answer_is_compressed_by_the_hosts_gzip(dressed: AppServer, key: str) -> None:
    body = {"key": text(key), "value": text("x" * 1000)}
    httpx.post(f"{dressed.url}/etcd/v3/kv/put", json=body)
    headers = {"Accept-Encoding": "gzip"}
    request = httpx.Request(
        "POST", f"{dressed.url}/etcd/v3/kv/range", json={"key": text(key)}, headers=headers
    )
    with httpx.Client(timeout=TIMEOUT) as client:
        answer = client.send(request, stream=True)
        raw = b"".join(answer.iter_raw())

    assert answer.headers["content-encoding"] == "gzip"
    assert len(raw) < 1000
    assert text("x" * 1000).encode() in gzip.decompress(raw)


def test_every_answer_passes_the_hosts_own_middleware(dressed: AppServer) -> None:
    for path in ("/etcd/v3/kv/range", "/etcd/version", "/etcd/v3/nothing", "/etcd/nothing"):
        assert httpx.post(dressed.url + path).headers["x-host"] == "dressed"


def test_a_preflight_is_answered_by_the_hosts_cors(dressed: AppServer) -> None:
    headers = {**ORIGIN, "Access-Control-Request-Method": "POST"}
    answer = httpx.options(f"{dressed.url}/etcd/v3/kv/range", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN["Origin"]


@pytest.mark.parametrize("path", ["/etcd/v3/kv/range", "/etcd/v3/kv/put", "/etcd/v3/nothing"])
def test_cors_headers_are_on_successes_and_errors(dressed: AppServer, path: str) -> None:
    answer = httpx.post(dressed.url + path, headers=ORIGIN, json={"key": ""})
    assert answer.headers["access-control-allow-origin"] == ORIGIN["Origin"]


def test_without_the_hosts_cors_no_origin_is_allowed(serve: Serve, etcd: EtcdServer) -> None:
    plain = serve("tests.hosts.apps.fastapi:app", etcd.endpoint)
    answer = httpx.post(f"{plain.url}/etcd/v3/kv/range", headers=ORIGIN, json={"key": text("k")})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
def test_a_body_over_the_hosts_own_limit_is_the_hosts_to_refuse(
    serve: Serve, etcd: EtcdServer, chunked: bool
) -> None:
    pytest.importorskip("starlette.middleware.body_limit")
    strict = serve("tests.hosts.apps.strict:app", etcd.endpoint)
    body = b'{"key": "%s"}' % (b"A" * 4096)
    sent = iter([body[:2048], body[2048:]]) if chunked else body
    answer = httpx.post(f"{strict.url}/etcd/v3/kv/range", content=sent)
    assert (answer.status_code, answer.text) == (413, "Content Too Large")
    assert "Traceback" not in strict.log
