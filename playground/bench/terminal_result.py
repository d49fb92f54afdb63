"""What the bench of terminals found: each figure beside its floor and its limit."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from playground.bench.table import width

Pair = tuple[Sequence[float], Sequence[float]]
"""Seconds through Heddle, and directly."""

ECHO_LIMIT = 50e-6
ECHO_AIM = 28e-6
RATE_LIMIT = 0.9
CPU_LIMIT = 0.2  # seconds for 50 MB
CONNECT_LIMIT = 1.2
IDLE_LIMIT = 20 * 1024  # bytes
BESIDE_LIMIT = 2e-3
STOP_LIMIT = 0.2

HEADINGS = ("", "Heddle", "ttyd", "compared", "limit", "")
OK, OVER, NO_LIMIT = "ok", "over", ""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much was measured: keys pressed each way, bytes of the bulk, terminals that did nothing."""

    keys: int
    neighbour_keys: int
    bulk_bytes: int
    idle: int


@dataclass(frozen=True, slots=True)
class Row:
    """One line. holds: whether it is within its limit; None without a limit."""

    name: str
    heddle: str
    floor: str = ""
    compared: str = ""
    limit: str = ""
    holds: bool | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        verdict = NO_LIMIT if self.holds is None else OK if self.holds else OVER
        return (self.name, self.heddle, self.floor, self.compared, self.limit, verdict)


@dataclass(frozen=True, slots=True)
class TerminalResult:
    """Seconds, but for `idle_bytes`. relayed: an echo through a process that only copies, see `terminal_relay`.
    cpu: of Heddle, for each bulk; stops: from Ctrl-C to quiet."""

    echo: Pair
    relayed: Sequence[float]
    connect: Pair
    bulk: Pair
    cpu: Sequence[float]
    beside: Pair
    stops: Sequence[float]
    idle_bytes: float
    sizes: Sizes

    def rows(self) -> list[Row]:
        echo, bare = (statistics.median(times) for times in self.echo)
        relayed = statistics.median(self.relayed)
        late, bare_late = (percentile(times, 99) for times in self.echo)
        ours, theirs = (self.sizes.bulk_bytes / statistics.median(times) for times in self.bulk)
        connect, bare_connect = (statistics.median(times) for times in self.connect)
        beside, bare_beside = (percentile(times, 99) for times in self.beside)
        cpu, stop = statistics.median(self.cpu), max(self.stops)
        ratio, times = ours / theirs, connect / bare_connect
        return [
            Row(
                f"Echo of a key, median of {self.sizes.keys}",
                _micro(echo),
                _micro(bare),
                f"+{_micro(echo - bare)}",
                f"+{_micro(ECHO_LIMIT)} (aim +{_micro(ECHO_AIM)})",
                echo - bare <= ECHO_LIMIT,
            ),
            Row(
                "… through a relay that only copies",
                _micro(relayed),
                _micro(bare),
                f"+{_micro(relayed - bare)}",
            ),
            Row("… p99", _micro(late), _micro(bare_late), f"+{_micro(late - bare_late)}"),
            Row(
                "Throughput",
                _rate(ours),
                _rate(theirs),
                f"{ratio:.2f} times",
                f"{RATE_LIMIT} times",
                ratio >= RATE_LIMIT,
            ),
            Row(
                f"CPU for {self.sizes.bulk_bytes // 10**6} MB",
                f"{cpu:.2f} s",
                "",
                "",
                f"{CPU_LIMIT} s",
                cpu <= CPU_LIMIT,
            ),
            Row(
                "Connect, to the first output",
                _milli(connect),
                _milli(bare_connect),
                f"{times:.2f} times",
                f"{CONNECT_LIMIT} times",
                times <= CONNECT_LIMIT,
            ),
            Row(
                f"Memory of an idle terminal, of {self.sizes.idle}",
                f"{self.idle_bytes / 1024:.1f} KB",
                "",
                "",
                f"{IDLE_LIMIT // 1024} KB",
                self.idle_bytes <= IDLE_LIMIT,
            ),
            Row(
                "Echo beside a flood, p99",
                _milli(beside),
                _milli(bare_beside),
                "",
                _milli(BESIDE_LIMIT),
                beside < BESIDE_LIMIT,
            ),
            Row(
                "Ctrl-C in a flood, reader of 5 MB/s, worst",
                f"{stop:.3f} s",
                "",
                "",
                f"{STOP_LIMIT} s",
                stop <= STOP_LIMIT,
            ),
        ]

    @property
    def holds(self) -> bool:
        """Whether every figure is within its limit."""
        return all(row.holds is not False for row in self.rows())

    def lines(self) -> list[str]:
        """A table."""
        return lines(self.rows(), HEADINGS)

    def data(self) -> dict[str, object]:
        """Every measurement, and the rows by name."""
        rows = {
            row.name: {"heddle": row.heddle, "floor": row.floor, "holds": row.holds} for row in self.rows()
        }
        return {**asdict(self), "rows": rows, "cores": os.cpu_count()}


def lines(rows: Sequence[Row], headings: Sequence[str]) -> list[str]:
    """Rows as a table."""
    cells = [tuple(headings), *(row.cells for row in rows)]
    widths = [max(width(line[column]) for line in cells) for column in range(len(headings))]
    return [
        "  ".join(
            _padded(cell, size, left=column == 0)
            for column, (cell, size) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]


def percentile(values: Sequence[float], share: int) -> float:
    """The value that `share` per cent of them don't exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]


def _padded(text: str, size: int, *, left: bool) -> str:
    space = " " * (size - width(text))
    return text + space if left else space + text


def _micro(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs"


def _milli(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms"


def _rate(bytes_a_second: float) -> str:
    return f"{bytes_a_second / 1e6:.0f} MB/s"
