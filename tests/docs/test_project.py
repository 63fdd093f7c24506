"""The files about the project agree with each other."""

import re
import tomllib
from typing import Any

import pytest

from tests.docs.markdown import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
VERSION: str = PROJECT["project"]["version"]
PYTHONS = [
    python
    for one in PROJECT["project"]["classifiers"]
    if "." in (python := one.rpartition(":: ")[2]) and one.startswith("Programming Language")
]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
HELP = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))

CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
RELEASES = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
"""Of changes, as Keep a Changelog has them."""


def _read(path: str) -> str:
    return (ROOT / path).read_text()


def test_the_changelog_has_what_is_unreleased_first_and_then_dated_releases() -> None:
    assert RELEASES[0] == "Unreleased"
    for release in RELEASES[1:]:
        assert re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", release), release
    assert RELEASES[1:] == sorted(RELEASES[1:], key=_version, reverse=True)


def test_the_changelog_has_a_section_for_the_version_of_the_package() -> None:
    assert RELEASES[1].partition(" ")[0] == VERSION


def test_the_changelog_sorts_by_kinds_of_changes_each_once_in_a_release() -> None:
    for section in re.split(r"^## ", CHANGELOG, flags=re.MULTILINE)[1:]:
        kinds = re.findall(r"^### (.+)$", section, re.MULTILINE)
        assert set(kinds) <= KINDS
        assert len(kinds) == len(set(kinds)), section.partition("\n")[0]


def test_the_security_policy_supports_the_version_of_the_package() -> None:
    minor = VERSION.rpartition(".")[0]
    assert f"| the latest minor release, now {minor} | yes |" in _read("SECURITY.md")


def test_ci_runs_on_every_python_of_the_classifiers() -> None:
    listed = re.search(r"python: \[(.+)\]", _read(".github/workflows/ci.yml"))
    assert listed is not None
    assert re.findall(r'"([\d.]+)"', listed[1]) == PYTHONS
    assert PROJECT["project"]["requires-python"] == f">={PYTHONS[0]}"


def test_ci_runs_what_everybody_runs() -> None:
    steps = re.findall(r"\brun: (.+)", _read(".github/workflows/ci.yml"))
    assert steps == [".ci/run"]
    assert (ROOT / ".ci/run").exists()


def test_hooks_call_make() -> None:
    hooks = re.findall(r"\bentry: (.+)", _read(".pre-commit-config.yaml"))
    assert hooks == ["make format", "make check"]


@pytest.mark.parametrize(
    "path", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ".pre-commit-config.yaml"]
)
def test_a_target_that_is_named_is_there(path: str) -> None:
    named = set(re.findall(r"`make ([a-z-]+)`|: make ([a-z-]+)$", _read(path), re.MULTILINE))
    assert {one or other for one, other in named} <= TARGETS


def test_contributing_lists_the_targets_that_make_lists() -> None:
    rows = re.findall(r"^\| (`make .+?) \|", _read("CONTRIBUTING.md"), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`make ([a-z-]+)`", row)} <= HELP


def test_editors_know_the_columns_of_the_linter() -> None:
    sections = dict(re.findall(r"^\[(.+)\]\n([^\[]+)", _read(".editorconfig"), re.MULTILINE))
    columns = f"max_line_length = {PROJECT['tool']['ruff']['line-length']}\n"
    assert columns in sections["*.py"]


def test_dependabot_looks_where_something_is() -> None:
    folders = re.findall(r"(?<=[\[ ])/[\w./]*", _read(".github/dependabot.yml"))
    assert len(folders) > 3
    for folder in folders:
        assert (ROOT / folder.lstrip("/")).is_dir(), folder


def _version(release: str) -> list[int]:
    return [int(part) for part in release.partition(" ")[0].split(".")]
