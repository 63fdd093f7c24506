"""Processor time of processes, from ``/proc``. Linux only."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_TICK = 1 / os.sysconf("SC_CLK_TCK")
_PARENT, _USER, _SYSTEM = 1, 11, 12  # fields of proc(5) stat, counted from the state


def seconds(pids: Iterable[int]) -> float:
    """User and system time so far, of all threads."""
    return sum(_seconds(_stat(pid)) for pid in pids)


def family(pid: int) -> list[int]:
    """*pid* and all processes below it: a server may keep its workers in children."""
    parents = {int(path.name): _parent(path) for path in Path("/proc").glob("[0-9]*")}
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def _seconds(stat: list[str]) -> float:
    return (int(stat[_USER]) + int(stat[_SYSTEM])) * _TICK


def _parent(path: Path) -> int:
    try:
        return int(_stat(int(path.name))[_PARENT])
    except OSError:  # it has ended meanwhile
        return 0


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold blanks."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
