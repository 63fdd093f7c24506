"""The differences on purpose, read from `differences.toml`.

Each has an `id` (a shell pattern over case ids), `releases` (families as in the corpus), the
`step` that differs (1 is the first, and the default), the reason, and what ours answers there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from .comparison import Answered, message
from .corpus import Case, among

LIST = Path(__file__).parent / "differences.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place where ours answers otherwise than the stock gateway, and why."""

    id: str
    releases: tuple[str, ...]
    reason: str
    ours: Mapping[str, Any]
    step: int = 1

    def covers(self, case: Case, release: str) -> bool:
        """Say whether this difference is about `case` on `release`."""
        return fnmatchcase(case.id, self.id) and among(release, self.releases)

    def objections(self, answer: Answered) -> list[str]:
        """Say where our answer is not the one that the list promises."""
        seen = {
            "status": answer.status,
            "message": message(answer),
            "headers": answer.headers,
            "body": answer.content,
        }
        return [
            f"listed as {name} {wanted!r}, but ours is {seen[name]!r}"
            for name, wanted in self.ours.items()
            if not _promised(wanted, seen[name])
        ]


def load(file: Path = LIST) -> tuple[Difference, ...]:
    """Read the list in its order."""
    entries = tomllib.loads(file.read_text(encoding="utf-8"))["difference"]
    return tuple(Difference(**{**e, "releases": tuple(e["releases"])}) for e in entries)


def _promised(wanted: Any, seen: Any) -> bool:
    if isinstance(wanted, dict) and isinstance(seen, dict):
        return all(seen.get(name) == value for name, value in wanted.items())
    return bool(wanted == seen)
