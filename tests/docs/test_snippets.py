"""All code in the documents runs, and does what they say."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from etcd_asgi.testing import EtcdServer
from tests.docs.markdown import ROOT, documents, snippets
from tests.docs.reader import Reader


@pytest.mark.parametrize(
    "document", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in documents()]
)
def test_a_document_does_what_it_says(document: Path, etcd: EtcdServer, tmp_path: Path) -> None:
    if document.parent.parent.name == "examples":
        for file in document.parent.glob("*.py"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with ExitStack() as stack:
        reader = Reader(tmp_path, etcd.endpoint, stack)
        for snippet in snippets(document):
            reader.does(snippet)
        reader.finish()


def test_the_readme_has_code_of_all_kinds() -> None:
    """Guards the harness: a change of the README's form must not hide its code."""
    found = [snippet.language for snippet in snippets(ROOT / "README.md")]
    assert {"python", "sh", "json", "text"} <= set(found)
    assert found.count("python") >= 3
