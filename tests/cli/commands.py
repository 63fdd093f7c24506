"""The command ``etcd-asgi``, as a process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import httpx

from etcd_asgi.testing.process import ChildProcess
from tests.hosts.serving import until

TIMEOUT = 60.0
_COMMAND = [sys.executable, "-c", "from etcd_asgi.cli import main; main()"]


@contextmanager
def serving(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """``etcd-asgi serve``, on any port; gives its URL. It must end in order."""
    log_path = Path(mkdtemp(dir=folder)) / "serve.log"
    process = ChildProcess(
        [*_COMMAND, "serve", "--port=0", *arguments],
        log_path=log_path,
        env={**os.environ, **(env or {})},
        scratch=None,
    )
    try:
        until(lambda: "Ctrl-C" in log_path.read_text() or process.poll() is not None, "its URL")
        found = re.search(r"is served on (\S+);", log_path.read_text())
        assert found is not None, log_path.read_text()
        httpx.get(found[1], timeout=TIMEOUT)  # it listens before it can answer
        yield found[1]
    finally:
        process.stop(TIMEOUT)
    assert "Traceback" not in log_path.read_text(), log_path.read_text()


def run(*arguments: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run a command that ends by itself; gives its status and all that it says."""
    done = subprocess.run(
        [*_COMMAND, *arguments],
        env={**os.environ, "COLUMNS": "1000", **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
