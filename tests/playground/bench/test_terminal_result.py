"""The table of the terminals' bench: which figures hold, and what a figure over its limit does."""

from __future__ import annotations

from dataclasses import replace

from playground.bench.terminal_result import Sizes, TerminalResult

GOOD = TerminalResult(
    echo=([120e-6] * 10, [100e-6] * 10),
    relayed=[115e-6] * 10,
    connect=([4.4e-3] * 3, [4e-3] * 3),
    bulk=([1.05] * 3, [1.0] * 3),
    cpu=[0.15, 0.16, 0.14],
    beside=([1e-3] * 10, [0.5e-3] * 10),
    stops=[0.05, 0.06],
    idle_bytes=10_000,
    sizes=Sizes(10, 10, 50_000_000, 500),
)


def over(result: TerminalResult) -> list[str]:
    return [row.name for row in result.rows() if row.holds is False]


def test_everything_within_its_limit_holds() -> None:
    assert GOOD.holds
    assert over(GOOD) == []
    assert len({len(line.split("  ")) > 1 for line in GOOD.lines()}) == 1
    assert "+20 µs" in GOOD.lines()[1]
    assert "+15 µs" in GOOD.lines()[2]


def test_each_figure_over_its_limit_is_named() -> None:
    bad = replace(
        GOOD,
        echo=([160e-6] * 10, [100e-6] * 10),
        connect=([5e-3] * 3, [4e-3] * 3),
        bulk=([1.2] * 3, [1.0] * 3),
        cpu=[0.3],
        beside=([2.1e-3] * 10, [0.5e-3] * 10),
        stops=[0.05, 0.3],
        idle_bytes=30_000,
    )
    assert not bad.holds
    assert len(over(bad)) == 7
    assert sum(line.endswith("over") for line in bad.lines()) == 7
