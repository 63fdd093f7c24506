"""The code in our documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"```(\w*)\s*$")
_FILE = re.compile(r"`([\w/]+\.py)`[^`]*:$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """A fenced block."""

    document: str
    line: int
    language: str
    text: str

    file: str | None
    """The file that the line before it names, as in "In `main.py`:"."""

    follows: str | None
    """The language of the block before it, when nothing but blank lines is in between."""

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def documents() -> list[Path]:
    """All documents whose code is run."""
    found = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/README.md")]
    return sorted(found)


def snippets(document: Path) -> Iterator[Snippet]:
    """The fenced blocks of a document, in order."""
    name = str(document.relative_to(ROOT))
    lines = iter(enumerate(document.read_text().splitlines(), start=1))
    before, follows = "", None
    for number, line in lines:
        if fence := _FENCE.match(line):
            text = "\n".join(_until_fence(name, number, lines))
            file = _FILE.search(before)
            yield Snippet(
                document=name,
                line=number,
                language=fence[1],
                text=text + "\n",
                file=file[1] if file else None,
                follows=follows,
            )
            before, follows = "", fence[1]
        elif line.strip():
            before, follows = line.strip(), None


def _until_fence(name: str, start: int, lines: Iterator[tuple[int, str]]) -> Iterator[str]:
    for _, line in lines:
        if line.rstrip() == "```":
            return
        yield line
    raise ValueError(f"{name}:{start}: this block has no end")
