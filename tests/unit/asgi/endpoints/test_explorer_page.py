"""The explorer fits the policy that it is served with: nothing inline, nothing from elsewhere."""

import re
from pathlib import Path

import pytest

from etcd_asgi.asgi.endpoints import static_files

FOLDER = Path(static_files.__file__).parents[2] / "browser" / "explorer"
MODULES = sorted(FOLDER.glob("*.js"))
FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|https?://(?!www\.w3\.org/)"
)


def test_the_page_holds_no_inline_code_and_no_inline_style() -> None:
    page = (FOLDER / "index.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page)
    assert all(body == "" for body in re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL))


def test_the_page_refers_to_files_beside_it_alone() -> None:
    page = (FOLDER / "index.html").read_text()
    named = set(re.findall(r'(?:src|href)="([^"]*)"', page)) - {"./"}
    assert {"app.js", "style.css", "icon.svg", "theme.js"} <= named
    assert [name for name in named if not (FOLDER / name).is_file()] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_writes_text_and_imports_what_is_there(module: Path) -> None:
    code = module.read_text()
    assert not FORBIDDEN.findall(code)
    for name in re.findall(r'(?:from|import\() ?"([^"]+)"', code):
        assert (module.parent / name).is_file()
