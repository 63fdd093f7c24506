"""Snapshots: in constant memory, and as files that etcd's own tool restores."""

import json
import subprocess
from base64 import b64decode
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from etcd_asgi.testing import EtcdServer, find_etcd
from tests.etcds.quick import QUICK
from tests.etcds.releases import OFFICIAL
from tests.hosts.observe import ask
from tests.hosts.serving import SERVERS
from tests.hosts.target import text
from tests.streams.conftest import DATABASE_BYTES, ServeProbed
from tests.streams.post import TIMEOUT, Post
from tests.streams.probed import FILE, MIB, Probed

GROWTH_BYTES = DATABASE_BYTES // 2
"""What gRPC's flow control and the servers hold of a snapshot; no more for a larger one."""

DIGEST_BYTES = 32
SNAPSHOT = "/etcd/v3/maintenance/snapshot"
DAMAGING = "tests.streams.apps.damaging:app"

Pieces = Callable[[httpx.Response], Iterator[bytes]]


@pytest.fixture
def small(etcd_servers: Callable[[str], EtcdServer]) -> EtcdServer:
    """An etcd with few data."""
    return etcd_servers(OFFICIAL)


def json_pieces(answer: httpx.Response) -> Iterator[bytes]:
    for line in answer.iter_lines():
        yield b64decode(json.loads(line)["result"]["blob"])


def file_pieces(answer: httpx.Response) -> Iterator[bytes]:
    assert "attachment" in answer.headers["content-disposition"]
    return answer.iter_raw()


@pytest.mark.parametrize(
    ("headers", "pieces"),
    [pytest.param({}, json_pieces, id="json"), pytest.param(FILE, file_pieces, id="file")],
)
def test_a_snapshot_passes_whole_and_in_constant_memory(
    probed: Probed,
    large_database: None,
    headers: dict[str, str],
    pieces: Callable[[httpx.Response], Iterator[bytes]],
) -> None:
    probed.client.post("/forget-peak").raise_for_status()
    before = probed.state()["peak"]
    digest, length, held = sha256(), 0, b""
    with probed.client.stream("POST", SNAPSHOT, json={}, headers=headers) as answer:
        for piece in pieces(answer):
            data = held + piece
            digest.update(data[:-DIGEST_BYTES])
            held = data[-DIGEST_BYTES:]
            length += len(piece)
    assert held == digest.digest()
    assert length > DATABASE_BYTES
    growth = probed.state()["peak"] - before
    assert growth < GROWTH_BYTES, f"{growth / MIB:.1f} MiB more"


def test_a_snapshot_as_a_file_is_restored_by_etcds_own_tool(
    serve: ServeProbed, small: EtcdServer, tmp_path: Path
) -> None:
    keys = {text(f"restored/{number}"): text(f"value {number}") for number in range(100)}
    probed = serve("uvicorn", small)
    for key, value in keys.items():
        probed.call("kv/put", {"key": key, "value": value})
    file, data = tmp_path / "snapshot.db", tmp_path / "data"
    file.write_bytes(probed.client.post(SNAPSHOT, json={}, headers=FILE).content)

    restore(file, data)
    with EtcdServer(probed.etcd.binary, args=QUICK, data_dir=data) as etcd:
        kvs = ask(etcd, "kv/range", {"key": text("restored/"), "range_end": text("restored0")})
    assert {kv["key"]: kv["value"] for kv in kvs["kvs"]} == keys


def restore(file: Path, data: Path) -> None:
    """Have the tool beside the official etcd check a snapshot and make a data folder of it."""
    tool = find_etcd(OFFICIAL).with_name("etcdutl")
    if not tool.exists():
        pytest.skip("there is no etcdutl beside etcd")
    command = [str(tool), "snapshot", "restore", str(file), "--data-dir", str(data)]
    subprocess.run(command, check=True, timeout=TIMEOUT, capture_output=True)


@pytest.mark.parametrize("server", SERVERS)
def test_a_damaged_file_is_broken_off(serve: ServeProbed, small: EtcdServer, server: str) -> None:
    """Nobody may take it for a backup: the answer must not seem whole."""
    with damaged_file(serve(server, small, app=DAMAGING), "/etcd") as snapshot:
        assert snapshot.head() == 200
        with pytest.raises((EOFError, ConnectionError)):
            snapshot.body()


def test_a_damaged_file_that_seems_whole_behind_middleware_is_refused_by_etcds_own_tool(
    serve: ServeProbed, small: EtcdServer, tmp_path: Path
) -> None:
    """Starlette starlette/middleware/base.py ends an answer before it raises what broke it."""
    file, damaging = tmp_path / "snapshot.db", serve("uvicorn", small, app=DAMAGING)
    with damaged_file(damaging, "/middleware/etcd") as snapshot:
        file.write_bytes(snapshot.body())
    with pytest.raises(subprocess.CalledProcessError) as refused:
        restore(file, tmp_path / "data")
    assert b"hash" in refused.value.stderr


def damaged_file(damaging: Probed, mount: str) -> Post:
    path = f"{mount}/v3/maintenance/snapshot"
    snapshot = Post(damaging.server.host_and_port, path, {}, headers=FILE)
    snapshot.end()
    return snapshot
