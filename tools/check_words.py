"""Check the package for words that the glossary, ``tools/words.toml``, leaves out.

``check_words.py`` prints how many each file has, and never fails. ``check_words.py PATH...`` lists
those of some files or folders, with the words to use, and fails if there is one. ``check_words.py
--check`` does so for all that the glossary names as clean, and fails too for an exception that
excepts nothing.

Docstrings and comments are searched, without what stands in backticks, and the names that a file
gives: not those that it uses, nor texts that users see.
"""

from __future__ import annotations

import ast
import re
import sys
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "etcd_asgi"
GLOSSARY = "tools/words.toml"

KINDS = ("docstring", "comment", "function", "name")
_IN_BACKTICKS = re.compile(r"``.+?``|`[^`]+`", re.DOTALL)
_PART_OF_A_NAME = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A docstring, a block of comments, or a name that is given: a function's, or another."""

    kind: str
    line: int
    text: str
    """Of a name its parts, in small letters: ``max answer bytes``."""

    @property
    def is_name(self) -> bool:
        """True for functions and other names."""
        return self.kind in ("function", "name")


@dataclass(frozen=True, kw_only=True)
class Term:
    """A table ``[[terms]]`` of the glossary: words that are left out, and those to use instead."""

    say: str

    words: tuple[str, ...]
    """Regular expressions, found as whole words."""

    kinds: tuple[str, ...] = KINDS
    """The kinds of text that are searched."""

    begins: bool = False
    """True for words that are left out at the beginning only."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """One pattern of all words, which may be parted by line breaks."""
        start = r"\A\s*" if self.begins else r"\b"
        return re.compile(rf"{start}(?:{_spaced('|'.join(self.words))})\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Exemption:
    """A table ``[[exceptions]]`` of the glossary: a name or a phrase that stays, and why."""

    text: str
    reason: str

    files: str = "*"
    """A pattern of paths, as of a shell; ``*`` takes slashes too."""

    def covers(self, finding: Finding) -> bool:
        """Check whether *finding* is part of a name or phrase that stays."""
        if not fnmatch(finding.path, self.files):
            return False
        if finding.text.is_name:
            return parts_of(self.text) == finding.text.text
        phrases = re.finditer(_spaced(re.escape(self.text)), finding.text.text, re.IGNORECASE)
        return any(one.start() <= finding.start < one.end() for one in phrases)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A word that is left out, and where it stands."""

    path: str
    text: Text
    start: int
    word: str
    term: Term

    @property
    def line(self) -> int:
        """The line of the file."""
        return self.text.line + self.text.text.count("\n", 0, self.start)

    def __str__(self) -> str:
        return f'{self.path}:{self.line}: "{self.word}" ({self.text.kind}); say: {self.term.say}'


@dataclass(frozen=True, kw_only=True)
class Glossary:
    """The file ``words.toml``."""

    clean: tuple[str, ...]
    """Files and folders that use none of the words."""

    terms: tuple[Term, ...]
    exceptions: tuple[Exemption, ...]

    def found_in(self, path: str, text: Text) -> Iterator[Finding]:
        """Find all words in a text, those that may stay included."""
        for term in self.terms:
            if text.kind in term.kinds:
                for match in term.pattern.finditer(text.text):
                    word = " ".join(match[0].split())
                    yield Finding(path=path, text=text, start=match.start(), word=word, term=term)

    def exemption_of(self, finding: Finding) -> Exemption | None:
        """Find the exception that lets a word stay."""
        return next((one for one in self.exceptions if one.covers(finding)), None)


class Search:
    """A search of the package, with what it found and which exceptions it met."""

    def __init__(self, glossary: Glossary, root: Path) -> None:
        self.files: list[str] = []
        self.findings: list[Finding] = []
        self._glossary = glossary
        self._met: set[str] = set()
        for file in sorted((root / PACKAGE).rglob("*.py")):
            self._search(file, file.relative_to(root).as_posix())
        self.findings.sort(key=lambda one: (one.path, one.line))

    def _search(self, file: Path, path: str) -> None:
        self.files.append(path)
        for text in texts_of(file.read_text(encoding="utf-8"), path):
            for finding in self._glossary.found_in(path, text):
                exemption = self._glossary.exemption_of(finding)
                if exemption is None:
                    self.findings.append(finding)
                else:
                    self._met.add(exemption.text)

    def faults(self, paths: Iterable[str]) -> Iterator[str]:
        """Give a line for each finding in some files and folders, and for paths without a file."""
        for path in paths:
            if not _under(path, self.files):
                yield f"{path}: no file of {PACKAGE}"
            yield from (str(one) for one in self.findings if _under(path, [one.path]))

    def unmet(self) -> Iterator[str]:
        """Give a line for each exception that excepts nothing."""
        for one in self._glossary.exceptions:
            if one.text not in self._met:
                yield f'{GLOSSARY}: nothing is excepted by "{one.text}": remove it'

    def report(self) -> Iterator[str]:
        """Give a line for each file with findings, their sum, and files that could be listed."""
        counts = Counter(one.path for one in self.findings)
        for path, count in counts.most_common():
            words = Counter(one.word.lower() for one in self.findings if one.path == path)
            most = ", ".join(f"{word} {times}" for word, times in words.most_common(4))
            yield f"{count:5}  {path}  ({most})"
        yield f"{counts.total():5}  in {len(counts)} of {len(self.files)} files"
        for path in self.files:
            if path not in counts and not any(_under(one, [path]) for one in self._glossary.clean):
                yield f"    0  {path}: could be listed as clean"


def load(path: Path) -> Glossary:
    """Read the glossary."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    terms = tuple(Term(**_with_tuples(one)) for one in data["terms"])
    exceptions = tuple(Exemption(**one) for one in data.get("exceptions", ()))
    return Glossary(clean=tuple(data["clean"]), terms=terms, exceptions=exceptions)


def texts_of(source: str, path: str) -> Iterator[Text]:
    """Give all texts of a file that are searched."""
    tree = ast.parse(source)
    stem = path.removesuffix("/__init__.py").removesuffix(".py").rpartition("/")[2]
    yield Text(kind="name", line=1, text=parts_of(stem))
    yield from _comments(source)
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str() as text)):
                yield Text(kind="docstring", line=node.lineno, text=_without_code(text))
            case _:
                yield from _names(node)


def parts_of(name: str) -> str:
    """Split a name: ``max_answer_bytes`` and ``MaxAnswerBytes`` are ``max answer bytes``."""
    return " ".join(_PART_OF_A_NAME.findall(name)).lower()


def _names(node: ast.AST) -> Iterator[Text]:
    kind = "function" if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else "name"
    for name in _given(node):
        if not (name.startswith("__") and name.endswith("__")):
            yield Text(kind=kind, line=getattr(node, "lineno", 1), text=parts_of(name))


def _given(node: ast.AST) -> Iterator[str]:
    """Give the names that a node gives to something."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
            yield name
        case ast.arg(arg=name) | ast.alias(asname=str() as name):
            yield name
        case ast.ExceptHandler(name=str() as name) | ast.MatchAs(name=str() as name):
            yield name
        case ast.MatchStar(name=str() as name) | ast.MatchMapping(rest=str() as name):
            yield name


def _comments(source: str) -> Iterator[Text]:
    """Give the comments; lines of them that follow each other are one text."""
    block: list[str] = []
    last = 0
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0]
        if block and line != last + 1:
            yield _comment(block, last)
            block = []
        block.append(token.string.lstrip("#"))
        last = line
    if block:
        yield _comment(block, last)


def _comment(block: Sequence[str], last: int) -> Text:
    text = _without_code("\n".join(block))
    return Text(kind="comment", line=last - len(block) + 1, text=text)


def _without_code(text: str) -> str:
    """Blacken what stands in backticks."""
    return _IN_BACKTICKS.sub(lambda code: re.sub(r"[^\n]", "\N{FULL BLOCK}", code[0]), text)


def _spaced(pattern: str) -> str:
    return re.sub(r"\\? ", r"\\s+", pattern)


def _with_tuples(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(one) if isinstance(one, list) else one for key, one in table.items()}


def _under(path: str, files: Iterable[str]) -> list[str]:
    return [file for file in files if Path(file).is_relative_to(path)]


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Run the command; gives the exit status."""
    glossary = load(root / GLOSSARY)
    search = Search(glossary, root)
    if not arguments:
        print(*search.report(), sep="\n")
        return 0
    check = list(arguments) == ["--check"]
    faults = list(search.faults(glossary.clean if check else arguments))
    faults += search.unmet() if check else []
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
