"""Figures and the table."""

from __future__ import annotations

import json

import pytest

from playground.chaos.faults import Broken
from playground.chaos.recoveries import Recovery
from playground.chaos.result import Result, quantile
from playground.chaos.schedule import Kind


@pytest.mark.parametrize(
    ("values", "share", "wanted"),
    [([], 0.5, None), ([3.0], 0.5, 3.0), ([1.0, 2.0, 3.0], 0.5, 2.0), ([1.0, 2.0], 0.99, 2.0)],
)
def test_quantiles_are_values_that_were_measured(
    values: list[float], share: float, wanted: float | None
) -> None:
    assert quantile(values, share) == wanted


def test_a_good_result_holds() -> None:
    result = Result(
        1,
        60.0,
        2,
        [Broken(1.0, Kind.KILLED, "x")],
        [Recovery("a", Kind.KILLED, 5.0, 4.0), Recovery("b", Kind.KILLED, 90.0, 0.0, given_up=True)],
        settled=1.0,
    )
    assert result.holds
    (row,) = [line for line in result.lines_of_text() if line.startswith("container killed")]
    assert row.split()[2:] == ["1", "1", "5.00", "s", "5.00", "s", "1.00", "s", "1.00", "s"]
    assert json.loads(json.dumps(result.data()))["time_to_recover"]["p99"] == 5.0


@pytest.mark.parametrize("name", ["losses", "orphans", "untrue", "complaints"])
def test_any_finding_spoils_it(name: str) -> None:
    result = Result(1, 60.0, 2, **{name: ["something"]})  # type: ignore[arg-type]
    assert not result.holds
    assert "  something" in result.lines_of_text()
