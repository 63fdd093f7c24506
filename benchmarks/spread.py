"""A number that was measured several times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Median, least and greatest."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """The spread of one or more values."""
        known = list(values)
        return cls(median=median(known), least=min(known), greatest=max(known))

    def show(self, digits: int = 0, scale: float = 1.0) -> str:
        """As in ``12.3 (11.9 to 12.8)``."""
        numbers = (self.median * scale, self.least * scale, self.greatest * scale)
        middle, least, greatest = (f"{number:.{digits}f}" for number in numbers)
        return f"{middle} ({least} to {greatest})"
