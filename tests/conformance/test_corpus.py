"""The corpus itself: well formed, complete, and free of entries that nothing uses."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from etcd_asgi.calls.bindings import SERVED, Kind, bindings
from tests.etcds.releases import RELEASES

from . import corpus, differences, groups
from .corpus import CASES, CorpusError, among, expected

ROOT = Path(__file__).resolve().parents[2]
ALL = corpus.load()


def test_the_corpus_has_at_least_300_cases() -> None:
    assert len(ALL) >= 300


def test_every_case_has_a_name_of_its_own() -> None:
    assert [name for name, times in Counter(case.id for case in ALL).items() if times > 1] == []


def test_every_service_stands_in_one_group() -> None:
    services = {case.service for case in ALL}
    assert Counter(s for group in groups.load() for s in group.services) == Counter(services)


def test_every_unary_route_is_asked() -> None:
    asked = {step.path for case in ALL for step in case.steps if step.method == "POST"}
    unary = {SERVED + binding.path for binding in bindings() if binding.kind is Kind.UNARY}
    assert sorted(unary - asked) == []


def test_the_corpus_has_at_least_80_conversations() -> None:
    assert len([case for case in ALL if any(step.talk for step in case.steps)]) >= 80


@pytest.mark.parametrize("socket", [False, True], ids=["post", "websocket"])
def test_every_stream_is_talked_with(socket: bool) -> None:
    steps = [step for case in ALL for step in case.steps if step.talk and step.socket is socket]
    streams = {SERVED + one.path for one in bindings() if one.kind is not Kind.UNARY}
    assert sorted(streams - {step.path for step in steps}) == []


def test_every_difference_applies_to_a_case() -> None:
    unused = [
        entry.id
        for entry in differences.load()
        if not any(
            entry.covers(case, release) and case.runs_on(release) and entry.step <= len(case.steps)
            for case in ALL
            for release in RELEASES
        )
    ]
    assert unused == []


def test_no_step_is_listed_twice() -> None:
    listed = differences.load()
    places = Counter(
        (case.id, release, entry.step)
        for case in ALL
        for release in RELEASES
        for entry in listed
        if entry.covers(case, release)
    )
    assert [place for place, times in places.items() if times > 1] == []


def test_the_page_is_what_the_corpus_gives() -> None:
    tool = ROOT / "tools" / "write_conformance.py"
    command = [sys.executable, str(tool), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param("{", "Expecting property name", id="not-json"),
        pytest.param('{"id": "other/x", "path": "/"}', "name of its file", id="another-file"),
        pytest.param('{"id": "kv/x"}', "path", id="no-path"),
        pytest.param('{"id": "kv/x", "path": "/", "jsno": {}}', "jsno", id="unknown-member"),
        pytest.param('{"id": "kv/x", "path": "/", "json": 1, "text": ""}', "text", id="two-bodies"),
        pytest.param('{"id": "kv/x", "steps": [{"path": "/"}], "status": 1}', "status", id="both"),
        pytest.param('{"id": "kv/x", "path": "/", "talk": [["sned", 1]]}', "sned", id="verb"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str, says: str) -> None:
    file = tmp_path / "kv.jsonl"
    file.write_text(f'\n{{"id": "kv/fine", "path": "/"}}\n{line}\n')
    with pytest.raises(CorpusError, match=r"^kv\.jsonl:3: ") as raised:
        list(corpus.read(file))
    assert says in str(raised.value)


def test_the_longest_family_that_fits_a_release_wins() -> None:
    wanted = {"3": 1, "3.5": 2, "3.5.1": 3}
    found = [expected(wanted, r) for r in ("3.5.1", "3.5.10", "3.6.0", "4.0.0")]
    assert found == [3, 2, 1, None]


def test_a_release_can_be_taken_out_of_its_family() -> None:
    found = [among(r, ("3.5", "not 3.5.1")) for r in ("3.5.1", "3.5.10", "3.5.33", "3.6.14")]
    assert found == [False, True, True, False]


def test_the_files_are_where_the_page_says() -> None:
    assert sorted(file.stem.replace("_", "-") for file in CASES.glob("*.jsonl")) == sorted(
        {case.service for case in ALL}
    )
