"""The results as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from benchmarks.codec import Compared
from benchmarks.imports import Imports
from benchmarks.serving import Measured
from benchmarks.spread import Spread

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
_BEGIN = "<!-- results: python -m benchmarks --write -->"
_END = "<!-- end of results -->"

_MICRO, _MILLI = 1e6, 1e3


def serving(table: Sequence[Measured]) -> Iterator[str]:
    """A table for every workload."""
    for title, rows in groupby(table, lambda row: row.workload.title):
        yield f"\n### {title.capitalize()}\n"
        yield from _serving(list(rows))


def _serving(rows: Sequence[Measured]) -> Iterator[str]:
    yield from _head(
        "server", "requests/s", "times stock", "p50 ms", "p99 ms", "gateway CPU us", "etcd CPU us"
    )
    for row in rows:
        samples = row.samples
        yield _row(
            row.contestant.title,
            Spread.of(one.requests_per_second for one in samples).show(),
            _ratios(row, rows[0]).show(2),
            Spread.of(one.p50 for one in samples).show(1, _MILLI),
            Spread.of(one.p99 for one in samples).show(1, _MILLI),
            Spread.of(one.gateway_cpu for one in samples).show(0, _MICRO)
            if row.contestant.pids
            else "in etcd",
            Spread.of(one.etcd_cpu for one in samples).show(0, _MICRO),
        )


def _ratios(row: Measured, first: Measured) -> Spread:
    """Of the rates to the first row's rates, round by round."""
    return Spread.of(
        mine.requests_per_second / stock.requests_per_second
        for mine, stock in zip(row.samples, first.samples, strict=True)
    )


def codec(rows: Iterable[Compared]) -> Iterator[str]:
    """One table."""
    yield "\n### The codec alone, both ways\n"
    yield from _head(
        "message", "codec us", "`json_format` us", "without indent us", "ratio", "without indent"
    )
    for row in rows:
        yield _row(
            row.title,
            row.ours.show(1, _MICRO),
            row.ordinary.show(1, _MICRO),
            row.compact.show(1, _MICRO),
            row.ordinary_ratio.show(1),
            row.compact_ratio.show(1),
        )


def imports(one: Imports) -> Iterator[str]:
    """One table."""
    yield "\n### Import\n"
    yield from _head("module", "ms")
    yield _row("`grpc.aio`", one.grpc.show(0, _MILLI))
    yield _row("`etcd_asgi` after it", one.beyond.show(0, _MILLI))


def write(text: str) -> None:
    """Put *text* in the place of the results in the documentation."""
    page = PAGE.read_text()
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    PAGE.write_text(f"{before}{_BEGIN}\n\n{text.strip()}\n\n{_END}{after}")


def _head(*cells: str) -> Iterator[str]:
    yield _row(*cells)
    yield _row(*("---" if not number else "---:" for number in range(len(cells))))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
