"""What somebody sees who types ``curl -N``, and what is left after Ctrl-C."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from shutil import which
from typing import IO, Any

import pytest

from tests.hosts.observe import watchers
from tests.hosts.serving import until
from tests.streams.post import TIMEOUT
from tests.streams.probed import Probed, create, values

CURL = which("curl")
pytestmark = pytest.mark.skipif(CURL is None, reason="there is no curl")


@contextmanager
def curl(url: str, body: object) -> Iterator[IO[str]]:
    """The output of a running curl; in the end it is interrupted."""
    command = [str(CURL), "-N", "--silent", "--max-time", f"{TIMEOUT:g}", "-d", json.dumps(body)]
    with subprocess.Popen([*command, url], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(TIMEOUT)


def test_curl_prints_created_and_each_event_at_once_and_takes_its_watcher_along(
    probed: Probed, key: str
) -> None:
    with curl(f"{probed.server.url}/etcd/v3/watch", create(key)) as output:
        assert result(output)["created"] is True
        assert watchers(probed.etcd) == 1
        for value in ("one", "two", "three"):
            probed.put(key, value)
            assert values(result(output)) == [value]
    until(lambda: watchers(probed.etcd) == 0, "the watcher gone from etcd")


def result(output: IO[str]) -> Any:
    return json.loads(output.readline())["result"]
