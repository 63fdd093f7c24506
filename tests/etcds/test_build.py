"""Building the releases, with a stand-in for Go: the real one is run by ``make etcds``."""

import threading
from pathlib import Path

import pytest

from tests.etcds import build

GO = """#!/bin/sh
echo run >> "$RUNS"
while [ "$1" != "-o" ]; do shift; done
echo "$PWD" > "$2"
"""


@pytest.fixture
def go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with a Go of ours and an empty cache; returns the file with a line for each run."""
    folder = tmp_path / "bin"
    folder.mkdir()
    runs = tmp_path / "runs"
    runs.touch()
    (folder / "go").write_text(GO)
    (folder / "go").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("RUNS", str(runs))
    monkeypatch.setenv("ETCD_ASGI_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(build.SKIP_VARIABLE, raising=False)
    return runs


def test_the_modules_pin_one_release_of_each_minor() -> None:
    versions = [release.version for release in build.releases()]
    minors = [version.rpartition(".")[0] for version in versions]
    assert minors == [release.module.name.removeprefix("v") for release in build.releases()]
    assert minors == sorted(set(minors))


def test_a_release_is_built_once(go: Path) -> None:
    release = build.releases()[0]
    assert build.build(release)
    assert release.binary.read_text().strip() == str(release.module)
    assert not build.build(release)
    assert go.read_text() == "run\n"


def test_changed_sources_are_another_binary(tmp_path: Path) -> None:
    for name in ("go.mod", "go.sum", "main.go"):
        (tmp_path / name).write_text("one")
    release = build.Release(version="3.6.1", module=tmp_path)
    before = release.binary
    (tmp_path / "main.go").write_text("two")
    assert release.binary != before


def test_two_builds_at_once_run_go_once(go: Path) -> None:
    release = build.releases()[0]
    both = [threading.Thread(target=build.build, args=[release]) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert go.read_text() == "run\n"


def test_a_failing_build_shows_what_go_said_and_fails_the_run(
    go: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = go.parent / "bin" / "go"
    command.write_text("#!/bin/sh\necho 'no route to module proxy' >&2\nexit 1\n")
    assert build.main() == 1
    printed = capsys.readouterr()
    assert "no route to module proxy" in printed.out
    assert build.SKIP_VARIABLE in printed.err
    assert not any(release.binary.exists() for release in build.releases())


@pytest.mark.usefixtures("go")
def test_without_go_the_run_says_so_and_succeeds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build.main() == 0
    assert "Go is not installed" in capsys.readouterr().out


def test_builds_can_be_switched_off(
    go: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(build.SKIP_VARIABLE, "1")
    assert build.main() == 0
    assert f"${build.SKIP_VARIABLE} is set" in capsys.readouterr().out
    assert go.read_text() == ""
