"""A Chromium for the browser tests.

Run as a program (``make browser-ready``) it gets one where none is found: Playwright's own build,
or the system's package where the user may install packages. Where neither can be had it says so,
and the tests are skipped with that reason.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

VARIABLE = "ETCD_ASGI_CHROMIUM"
"""Names a Chromium or Chrome to use."""

MISSING = (
    f"no Chromium: install one, or name one in ${VARIABLE}, or run `make browser-ready` where "
    "downloads or system packages are allowed"
)

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_CACHE = Path(__file__).resolve().parents[2] / ".cache"
_TIMEOUT = 600.0
_APT = (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "chromium"])


@cache
def find_chromium() -> Path | None:
    """The first one that runs: the one named, those on the path, Playwright's own."""
    named = os.environ.get(VARIABLE)
    paths = [named] if named else [shutil.which(name) for name in _NAMES] + [_playwrights()]
    return next((Path(path) for path in paths if path and _runs(path)), None)


def environment() -> dict[str, str]:
    """The variables with which Playwright finds its own builds."""
    folder = Path(os.environ.get("ETCD_ASGI_CACHE", _CACHE)) / "browsers"
    return {"PLAYWRIGHT_BROWSERS_PATH": str(folder), **os.environ}


def _playwrights() -> str | None:
    folder = Path(environment()["PLAYWRIGHT_BROWSERS_PATH"])
    found = [*folder.glob("chromium-*/chrome-*/chrome"), *folder.glob("chromium-*/chrome-*/*.app")]
    return str(max(found)) if found else None


def _runs(path: str) -> bool:
    """Tell whether it starts: a download without the system's libraries does not."""
    try:
        subprocess.run([path, "--version"], capture_output=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _install() -> None:
    _done([sys.executable, "-m", "playwright", "install", "chromium", "--no-shell"])
    find_chromium.cache_clear()
    may_install = os.geteuid() == 0 and shutil.which("apt-get")
    if find_chromium() is None and may_install:
        _ = all(_done(command) for command in _APT)
        find_chromium.cache_clear()


def _done(command: list[str]) -> bool:
    print("$", *command, flush=True)
    try:
        subprocess.run(command, env=environment(), timeout=_TIMEOUT, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        print(error)
        return False
    return True


def main() -> None:
    """Make sure that there is one, if that is possible."""
    if find_chromium() is None:
        _install()
    print(find_chromium() or MISSING)


if __name__ == "__main__":
    main()
