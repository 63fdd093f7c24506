"""Run one part of the tests: ``python tools/run_tests.py NAME ARGUMENT_OF_PYTEST...``.

The parts run side by side, and most of them wait for servers, browsers and leases that share two
cores. A test that fails there is run once more, when no other part is running, and the end of the
output names it. One that fails again, and more than a few at once, fail the run; so does anything
but a failed test, such as a crash or a mistake while collecting.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MOST_AGAIN = 5
"""More failures than this are no accident."""

CACHE = Path(os.environ.get("ETCD_ASGI_CACHE", ".cache")) / "pytest"


@contextmanager
def beside(*, others: bool) -> Iterator[None]:
    """Run a block beside *others* that allow it, or when none of them runs."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH if others else fcntl.LOCK_EX)
        yield


def run(name: str, arguments: list[str]) -> int:
    """Run a part.

    Returns:
        pytest's exit code.
    """
    folder = CACHE / name
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "pytest", "-o", f"cache_dir={folder}", *arguments]
    with beside(others=True):
        code = subprocess.call(command)
    if code != pytest.ExitCode.TESTS_FAILED:
        return code
    failed = sorted(json.loads((folder / "v/cache/lastfailed").read_text()))
    if len(failed) > MOST_AGAIN:
        return code
    with beside(others=False):
        print(f"\n{len(failed)} failed, and run again with nothing beside:", flush=True)
        code = subprocess.call([*command, "--last-failed", "--last-failed-no-failures", "none"])
    if code == pytest.ExitCode.OK:
        print("\nFailed at first, and passed when run again; each has a fault to mend:")
        print(*failed, sep="\n", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2:]))
