"""What the bench makes of acknowledgements."""

from __future__ import annotations

import pytest

from playground.bench.burst import BurstResult


@pytest.mark.parametrize(("slowest", "holds"), [(2.99, True), (3.0, False), (7.5, False)])
def test_one_late_acknowledgement_is_too_many(slowest: float, holds: bool) -> None:
    result = BurstResult(alone=[0.01, 0.02], together=[0.5, slowest, 0.7])
    assert result.holds is holds
    assert f"of 3 acknowledgements took {slowest:.2f} s" in result.lines()[-1]
    assert result.data()["together"] == [0.5, slowest, 0.7]
