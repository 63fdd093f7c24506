"""Tables of the documents list what there is."""

import re
from dataclasses import fields

from etcd_asgi import Limits
from tests.docs.markdown import ROOT

ROW = re.compile(r"^\| `(\w+)` \| ([\d.]+) \| (.+) \|$", re.MULTILINE)


def test_the_table_of_limits_has_every_limit_with_its_default() -> None:
    rows = ROW.findall((ROOT / "docs/limits.md").read_text())
    assert [(name, float(default)) for name, default, _ in rows] == [
        (one.name, one.default) for one in fields(Limits)
    ]


def test_the_readme_lists_every_document() -> None:
    index = (ROOT / "README.md").read_text().partition("## Documents")[2]
    linked = re.findall(r"^\| \[[\w.]+\]\(docs/([\w.]+)\) \|", index, re.MULTILINE)
    assert sorted(linked) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))


def test_links_between_documents_lead_somewhere() -> None:
    for document in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", document.read_text()):
            assert ":" in link or (document.parent / link).exists(), f"{document.name}: {link}"
