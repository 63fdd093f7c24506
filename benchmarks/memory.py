"""Memory of processes, from ``/proc``. Linux only."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident_bytes(pids: Iterable[int]) -> int:
    """What the processes hold in memory."""
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids) * _PAGE


def peak_bytes(pids: Iterable[int]) -> int:
    """The most that the processes have held, each by itself, since :func:`forget_peak`."""
    return sum(_peak(pid) for pid in pids)


def forget_peak(pids: Iterable[int]) -> None:
    """Make what the processes hold now their peak: proc(5), clear_refs."""
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peak(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
