"""Each promise of docs/security.md has a test, and it is there."""

import ast
import re

import pytest

from tests.docs.markdown import ROOT

TEXT = (ROOT / "docs" / "security.md").read_text()
PROMISES = re.findall(r"^\| (?!promise |---)(.+) \| (.+) \|$", TEXT, re.MULTILINE)
TESTS = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)


def test_there_are_promises() -> None:
    assert len(PROMISES) > 15
    assert len(TESTS) > len(PROMISES)


@pytest.mark.parametrize(("promise", "tests"), PROMISES)
def test_a_promise_names_its_tests(promise: str, tests: str) -> None:
    assert re.fullmatch(r"`tests/[\w/]+\.py::\w+`( `tests/[\w/]+\.py::\w+`)*", tests), promise


@pytest.mark.parametrize(("path", "name"), TESTS)
def test_a_test_that_is_named_exists(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text())
    functions = [
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert name.startswith("test_")
    assert name in functions
