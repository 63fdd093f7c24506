"""Snapshots of a large database: ``python -m benchmarks.snapshot``.

The database is fetched twice in each form, as lines of JSON and as a file, and its digest is
checked. What is measured is how far the memory of the gateway process grows. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import machine
from benchmarks.contestants import KINDS, Contestant, Kind, running
from benchmarks.memory import forget_peak, peak_bytes, resident_bytes
from etcd_asgi.testing import EtcdServer, find_etcd

MIB = 1024 * 1024
_KINDS = {kind.name: kind for kind in KINDS if kind.name in ("uvicorn", "granian")}
_ETCD_ARGS = ("--unsafe-no-fsync", "--log-level", "error")
_FILE = {"Accept": "application/octet-stream"}
_READ_BYTES = 64 * 1024
_DIGEST_BYTES = sha256().digest_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A snapshot in one form."""

    title: str
    length: int
    seconds: float
    before: int
    """Bytes of the gateway process."""

    most: int
    """Bytes of the gateway process while the snapshot passed."""


def main() -> None:
    """Read the arguments, measure, print."""
    options = _options()
    etcd = options.etcd or find_etcd()
    with EtcdServer(etcd, args=_ETCD_ARGS) as server, TemporaryDirectory() as folder:
        _fill(server.client_port, options.megabytes)
        rows = [
            row for name in options.servers for row in _measure(_KINDS[name], server, Path(folder))
        ]
    print(machine.describe(EtcdServer(etcd).version))
    print("\n".join(_table(rows)))


def _fill(etcd_port: int, mebibytes: int) -> None:
    """Put values that do not compress, 1 MiB each."""
    print(f"filling etcd with {mebibytes} MiB", file=sys.stderr)
    connection = HTTPConnection("127.0.0.1", etcd_port)
    for number in range(mebibytes):
        key, value = b64encode(b"bench/%d" % number), b64encode(os.urandom(MIB))
        body = b'{"key": "%b", "value": "%b"}' % (key, value)
        connection.request("POST", "/v3/kv/put", body)
        if (answer := connection.getresponse()).status != 200:
            raise RuntimeError(f"etcd takes no more: {answer.read().decode()}")
        answer.read()
    connection.close()


def _measure(kind: Kind, server: EtcdServer, folder: Path) -> Iterator[Measured]:
    with running(kind, server.client_port, folder) as contestant:
        for headers, form in (({}, "JSON"), (_FILE, "file")):
            for number in ("first", "second"):
                yield _one(contestant, f"{contestant.title}, {form}, {number}", headers)


def _one(contestant: Contestant, title: str, headers: dict[str, str]) -> Measured:
    print(title, file=sys.stderr)
    forget_peak(contestant.pids)
    before, start = resident_bytes(contestant.pids), time.monotonic()
    connection = HTTPConnection("127.0.0.1", contestant.port)
    connection.request("POST", "/v3/maintenance/snapshot", "{}", headers)
    answer = connection.getresponse()
    pieces = iter(lambda: answer.read(_READ_BYTES), b"") if headers else _blobs(answer)
    length = _check(pieces)
    connection.close()
    seconds, most = time.monotonic() - start, peak_bytes(contestant.pids)
    return Measured(title=title, length=length, seconds=seconds, before=before, most=most)


def _blobs(answer: HTTPResponse) -> Iterator[bytes]:
    for line in answer:
        yield b64decode(json.loads(line)["result"]["blob"])


def _check(pieces: Iterator[bytes]) -> int:
    """The length of a snapshot.

    Raises:
        RuntimeError: its end is not the digest of what came before.
    """
    digest, length, held = sha256(), 0, b""
    for piece in pieces:
        data = held + piece
        digest.update(data[:-_DIGEST_BYTES])
        held = data[-_DIGEST_BYTES:]
        length += len(piece)
    if held != digest.digest():
        raise RuntimeError("a snapshot does not match its digest")
    return length


def _table(rows: list[Measured]) -> Iterator[str]:
    yield "\n| snapshot | MiB | seconds | before: MiB of the process | at most | growth |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for row in rows:
        before, most = row.before / MIB, row.most / MIB
        numbers = (row.length / MIB, row.seconds, before, most, most - before)
        yield f"| {' | '.join([row.title, *(f'{number:.1f}' for number in numbers)])} |"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.snapshot", description=__doc__)
    add = parser.add_argument
    add("--megabytes", type=int, default=200, help="MiB in the database")
    add("--etcd", type=Path, help="the etcd to run; by default the first that is found")
    add("--servers", nargs="+", choices=_KINDS, default=list(_KINDS), help="only these")
    return parser.parse_args()


if __name__ == "__main__":
    main()
