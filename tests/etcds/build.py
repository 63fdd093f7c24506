"""Build the etcd releases that the tests compare with, each once, into ``.cache/etcds``.

Every folder ``v*`` beside this file is a Go module whose ``main`` is etcd's own, at the version
its ``go.mod`` requires. ``go install`` cannot build etcd, because of the replace directives in its
``go.mod``; a module that requires it can.

Run it as a program: it prints what it did, and fails when Go is there and a build does not work.
Without Go it prints that, and the tests of these releases are skipped.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MODULES = Path(__file__).resolve().parent
SKIP_VARIABLE = "ETCD_ASGI_SKIP_BUILDS"

_REQUIRED = re.compile(r"^require go\.etcd\.io/etcd/server/v3 v(\S+)$", re.MULTILINE)
_BUILD_TIMEOUT = 900.0
_KEY_LENGTH = 12


class BuildError(RuntimeError):
    """Go is there and could not build a release; the message carries what Go printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One etcd that can be built."""

    version: str
    """``3.6.14``"""

    module: Path
    """The folder with ``go.mod``, ``go.sum`` and ``main.go``."""

    @property
    def binary(self) -> Path:
        """Where it stands once built. The name changes with the sources, so nothing stale is ever
        found."""
        sources = b"".join(
            (self.module / name).read_bytes() for name in ("go.mod", "go.sum", "main.go")
        )
        key = hashlib.sha256(sources).hexdigest()[:_KEY_LENGTH]
        return cache() / f"etcd-{self.version}-{key}"


def cache() -> Path:
    """The folder of the binaries, ``.cache/etcds`` in the checkout unless make says otherwise."""
    default = MODULES.parent.parent / ".cache"
    return Path(os.environ.get("ETCD_ASGI_CACHE", default)) / "etcds"


def releases() -> list[Release]:
    """All that can be built, oldest first."""
    found = [
        Release(version=required[1], module=path.parent)
        for path in MODULES.glob("v*/go.mod")
        if (required := _REQUIRED.search(path.read_text()))
    ]
    return sorted(found, key=lambda release: [int(part) for part in release.version.split(".")])


def why_not() -> str | None:
    """Say why this machine builds nothing, or ``None`` if it does."""
    if os.environ.get(SKIP_VARIABLE):
        return f"${SKIP_VARIABLE} is set"
    if shutil.which("go") is None:
        return "Go is not installed (no `go` on PATH)"
    return None


def build(release: Release) -> bool:
    """Build *release* unless it is built already; say whether there was anything to do.

    Two processes may do this at once: the second waits, and then finds the binary.

    Raises:
        BuildError: Go failed.
    """
    with _lock(release):
        if release.binary.exists():
            return False
        unfinished = release.binary.with_name(release.binary.name + ".unfinished")
        _go_build(release, unfinished)
        unfinished.replace(release.binary)
        return True


def _go_build(release: Release, output: Path) -> None:
    command = ["go", "build", "-trimpath", "-ldflags=-s -w", "-o", str(output), "."]
    env = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    try:
        done = subprocess.run(
            command,
            cwd=release.module,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_BUILD_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"etcd {release.version} could not be built: {error}") from error
    if done.returncode != 0:
        raise BuildError(f"etcd {release.version} could not be built; Go says:\n{done.stdout}")


@contextmanager
def _lock(release: Release) -> Iterator[None]:
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{release.version}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Build all releases and return the exit status: 1 if one could not be built."""
    reason = why_not()
    if reason is not None:
        print(f"etcds: nothing is built: {reason}. Tests of these releases will be skipped.")
        return 0
    failed = False
    for release in releases():
        print(f"etcds: {release.version} ...", end=" ", flush=True)
        try:
            print("built" if build(release) else "is there")
        except BuildError as error:
            failed = True
            print(f"FAILED\n{error}")
    if failed:
        print(f"etcds: to go on without them, set {SKIP_VARIABLE}=1.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
