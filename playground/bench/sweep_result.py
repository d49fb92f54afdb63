"""What the bench of sweeps found: each size beside the bare listing, and how the time grows."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from playground.bench.terminal_result import Row, lines

LIMITED_SIZE = 1_000
LIMIT = 1.0  # seconds
GROWTH_LIMIT = 12.0  # times the seconds, for ten times the rows
LISTS = 2  # one of containers, one of volumes
HEADINGS = ("", "Heddle", "listing", "compared", "limit", "")


@dataclass(frozen=True, slots=True)
class Size:
    """Seconds of each round. cpu: of the whole process. rows, unknown, reconcile: parts of a sweep, the rest is its
    listing. floor: the two lists alone. calls: lists in each sweep. actions: what a sweep came to."""

    count: int
    sweep: Sequence[float]
    cpu: Sequence[float]
    rows: Sequence[float]
    unknown: Sequence[float]
    reconcile: Sequence[float]
    floor: Sequence[float]
    calls: int
    actions: int

    @property
    def seconds(self) -> float:
        return statistics.median(self.sweep)


@dataclass(frozen=True, slots=True)
class SweepResult:
    """All sizes, smallest first."""

    sizes: Sequence[Size]

    def rows(self) -> list[Row]:
        found = list[Row]()
        for size in self.sizes:
            limited = size.count == LIMITED_SIZE
            floor = statistics.median(size.floor)
            found += [
                Row(
                    f"Sweep over {size.count:,} workspaces, median of {len(size.sweep)}",
                    _milli(size.seconds),
                    _milli(floor),
                    f"+{_milli(size.seconds - floor)}",
                    _milli(LIMIT) if limited else "",
                    size.seconds < LIMIT if limited else None,
                ),
                Row("… rows, ids and decisions of it", _parts(size)),
                Row("… CPU time, the least", _milli(min(size.cpu))),
                Row("… list calls of it", f"{size.calls}", "", "", str(LISTS), size.calls == LISTS),
            ]
        for before, after in zip(self.sizes, self.sizes[1:], strict=False):
            # The least CPU time: others on the machine make everything slower, but not equally at all sizes.
            growth = min(after.cpu) / min(before.cpu)
            limit = GROWTH_LIMIT if before.count >= LIMITED_SIZE else None
            found.append(
                Row(
                    f"CPU time for {after.count:,}, of that for {before.count:,}",
                    f"{growth:.1f} times",
                    "",
                    "",
                    f"{limit:g} times" if limit is not None else "",
                    growth <= limit if limit is not None else None,
                )
            )
        return found

    @property
    def holds(self) -> bool:
        """Whether every figure is within its limit."""
        return all(row.holds is not False for row in self.rows())

    def lines(self) -> list[str]:
        """A table."""
        return lines(self.rows(), HEADINGS)

    def data(self) -> dict[str, object]:
        """Every measurement."""
        return {**asdict(self), "cores": os.cpu_count()}


def _parts(size: Size) -> str:
    parts = (size.rows, size.unknown, size.reconcile)
    return " + ".join(_milli(statistics.median(part)) for part in parts)


def _milli(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms"
