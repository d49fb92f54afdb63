"""The bench of sweeps: its table, and a small one of its rounds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from playground.bench.sweep import measure_sweep
from playground.bench.sweep_result import Size, SweepResult

SIZE = Size(
    1_000,
    sweep=[0.5, 0.4, 3.0],
    cpu=[0.3, 0.2, 0.3],
    rows=[0.1],
    unknown=[0.02],
    reconcile=[0.03],
    floor=[0.2],
    calls=2,
    actions=200,
)
LARGE = replace(SIZE, count=10_000, sweep=[5.0], cpu=[2.4, 9.0])


def test_figures_are_held_against_their_limits() -> None:
    result = SweepResult([SIZE, LARGE])
    assert result.holds
    cells = [row.cells for row in result.rows()]
    assert cells[0][1:] == ("500.0 ms", "200.0 ms", "+300.0 ms", "1000.0 ms", "ok")
    assert cells[1][1] == "100.0 ms + 20.0 ms + 30.0 ms"
    assert cells[-1][1:] == ("12.0 times", "", "", "12 times", "ok")
    assert len(result.lines()) == 10


def test_what_is_over_its_limit_is_said() -> None:
    assert not SweepResult([replace(SIZE, sweep=[1.1])]).holds
    assert not SweepResult([replace(SIZE, calls=3)]).holds
    assert not SweepResult([SIZE, replace(LARGE, cpu=[2.5])]).holds
    assert SweepResult([replace(SIZE, count=100), replace(LARGE, cpu=[99.0], count=1_000, sweep=[0.9])]).holds


async def test_a_sweep_lists_once_and_finds_what_is_wrong(tmp_path: Path) -> None:
    said = list[str]()
    result = await measure_sweep(tmp_path, times=2, say=said.append, sizes=(10, 30))
    assert [(size.count, size.calls, size.actions) for size in result.sizes] == [(10, 2, 2), (30, 2, 6)]
    assert [len(size.sweep) for size in result.sizes] == [2, 2]
    assert len(said) == 2
    assert result.data()["cores"]
