from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.bench.figures import Comparison, Spread, column, compare, spread, steps, total

SECONDS = st.floats(0, 1e6, allow_nan=False)


def test_the_spread_is_least_middle_and_most() -> None:
    assert spread([3.0, 1.0, 2.0]) == Spread(1.0, 2.0, 3.0)
    assert spread([4.0, 1.0]) == Spread(1.0, 2.5, 4.0)
    assert spread([]) is None


@given(st.lists(SECONDS, min_size=1))
def test_the_spread_is_in_order_whatever_the_order_of_the_measurements(values: list[float]) -> None:
    found = spread(values)
    assert found is not None
    assert min(values) == found.least <= found.median <= found.most == max(values)
    assert found == spread(reversed(values))


def test_one_slow_round_does_not_move_the_median() -> None:
    found = spread([0.9, 1.0, 1.1, 1.0, 30.0])
    assert found is not None
    assert found.median == 1.0


def test_a_column_passes_over_rounds_without_it() -> None:
    assert column([{"a": 1.0}, {"b": 2.0}, {"a": 3.0}], "a") == [1.0, 3.0]


def test_a_total_needs_all_of_its_parts() -> None:
    rounds = [{"a": 1.0, "b": 2.0, "c": 9.0}, {"a": 1.0}, {"a": 2.0, "b": 3.0}]
    assert total(rounds, ("a", "b")) == [3.0, 5.0]


def test_a_comparison_is_one_of_medians() -> None:
    found = compare([1.2, 9.0, 1.1], [1.0, 0.9, 0.95])
    assert found == Comparison(1.2, 0.95)
    assert found.difference == pytest.approx(0.25)
    assert found.ratio == pytest.approx(1.263, abs=0.001)


def test_a_comparison_needs_both_sides() -> None:
    assert compare([], [1.0]) is None
    assert compare([1.0], []) is None


def test_over_a_floor_of_nothing_the_ratio_is_infinite() -> None:
    assert math.isinf(Comparison(1.0, 0.0).ratio)


def test_steps_are_named_after_what_they_end_with() -> None:
    moments = [("delivery", 10.0), ("created", 10.5), ("started", 12.0)]
    assert steps(moments) == {"created": 0.5, "started": 1.5}
    assert steps(moments[:1]) == {}


@given(st.lists(SECONDS, min_size=1, max_size=20).map(sorted))
def test_steps_add_up_to_the_whole_way(times: list[float]) -> None:
    found = steps([(str(number), at) for number, at in enumerate(times)])
    assert sum(found.values()) == pytest.approx(times[-1] - times[0], abs=1e-6)
    assert all(step >= 0 for step in found.values())
