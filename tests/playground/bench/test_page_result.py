"""The table of the way from the page to a prompt."""

from __future__ import annotations

from playground.bench.page import PageResult


def test_figures_are_held_against_their_limits() -> None:
    result = PageResult(new=[0.61, 0.6, 5.0], bare=[0.35, 0.3, 0.35], paused=[0.1])
    assert result.holds
    new, paused = (row.cells for row in result.rows())
    assert new == ("A new workspace, median of 3", "0.610 s", "0.350 s", "+0.260 s", "+0.300 s", "ok")
    assert paused[1:] == ("0.100 s", "", "", "0.150 s", "ok")
    assert len(result.lines()) == 3


def test_a_figure_over_its_limit_is_said() -> None:
    assert not PageResult(new=[0.7], bare=[0.3], paused=[0.1]).holds
    assert not PageResult(new=[0.6], bare=[0.3], paused=[0.2]).holds
