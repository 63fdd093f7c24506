"""``make`` sets up an environment, whatever an earlier attempt has left behind."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")

TIMEOUT = 120
INSTALLS_NOTHING = "PIP=-c 'import pip' #"
"""In place of ``pip install``: it fails where pip is missing, and needs no package index."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the rules need to begin."""
    for name in ("Makefile", "pyproject.toml", "requirements"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_an_environment_without_pip_is_made_anew_and_one_with_it_is_kept(checkout: Path) -> None:
    """Debian's Python leaves the former behind where python3-venv is missing."""
    folder = checkout / ".venv"
    _run_in([sys.executable, "-m", "venv", "--without-pip", str(folder)], checkout)
    _make(checkout)
    _run_in([str(folder / "bin/python"), "-m", "pip", "--version"], checkout)
    (folder / ".ready").unlink()
    (folder / "mine").touch()
    _make(checkout)
    assert (folder / "mine").exists()


def test_every_environment_is_made_anew_where_it_is_half_made() -> None:
    """A rule removes it first, or looks for pip."""
    lines = (ROOT / "Makefile").read_text().splitlines()
    for before, line in pairwise(lines):
        if "-m venv" in line and line.startswith("\t"):
            assert "$(HAS_PIP) ||" in line or before.startswith("\trm -rf "), line


def test_make_alone_lists_the_commands() -> None:
    listed = re.findall(r"^make ([a-z-]+) +\S", _run_in(["make"], ROOT), re.MULTILINE)
    assert listed == sorted(listed)
    assert {"check", "test", "words"} <= set(listed)


def _make(checkout: Path) -> None:
    _run_in(["make", ".venv/.ready", f"PYTHON={sys.executable}", INSTALLS_NOTHING], checkout)


def _run_in(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
