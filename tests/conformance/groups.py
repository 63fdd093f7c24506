"""Which services share a pair of etcds, how those are started and what they hold at first."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .corpus import Step

GROUPS = Path(__file__).parent / "groups.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Services whose cases run one after another against the same two etcds."""

    name: str
    services: tuple[str, ...]
    args: tuple[str, ...] = ()
    setup: tuple[Step, ...] = ()


def load(file: Path = GROUPS) -> tuple[Group, ...]:
    """Read the groups in their order."""
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    return tuple(
        Group(
            name=name,
            services=tuple(table["services"]),
            args=tuple(table.get("args", ())),
            setup=tuple(_setup_step(**step) for step in table.get("setup", ())),
        )
        for name, table in tables.items()
    )


def of(service: str, groups: tuple[Group, ...]) -> Group:
    """Find the group of a service; LookupError when it has none or two."""
    found = [group for group in groups if service in group.services]
    if len(found) != 1:
        raise LookupError(f"groups.toml names the service {service!r} {len(found)} times, not once")
    return found[0]


def _setup_step(*, path: str, json: Any, **members: Any) -> Step:
    return Step(path=path, body=("json", json), status=200, **members)
