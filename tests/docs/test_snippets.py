"""All code in the documents runs, and does what they say."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import StartEtcd
from tests.docs.markdown import ROOT, documents, snippets
from tests.docs.reader import Reader


@pytest.mark.parametrize(
    "document", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in documents()]
)
def test_a_document_does_what_it_says(
    document: Path, start_etcd: StartEtcd, tmp_path: Path
) -> None:
    """Each has an etcd of its own: what one writes, another would show."""
    with ExitStack() as stack:
        reader = Reader(tmp_path, start_etcd().endpoint, stack)
        for snippet in snippets(document):
            reader.does(snippet)
        reader.finish()


def test_the_readme_has_code_of_all_kinds() -> None:
    """Guards the harness: a change of the README's form must not hide its code."""
    found = [snippet.language for snippet in snippets(ROOT / "README.md")]
    assert {"python", "sh", "json", "text"} <= set(found)
    assert found.count("python") >= 3
