from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.bench.figures import Comparison
from playground.bench.table import seconds, table, verdict, width


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.234, "1.23 s"),
        (0.1, "0.10 s"),
        (0.0994, "0.099 s"),
        (0.0995, "0.10 s"),
        (0.0161, "0.016 s"),
        (0, "0.000 s"),
    ],
)
def test_short_times_have_a_digit_more(value: float, shown: str) -> None:
    assert seconds(value) == shown


def test_a_table_has_a_heading_and_a_line_for_each_name() -> None:
    assert table("Floor", [("run", [0.3, 0.25, 0.28]), ("git clone", [0.017])]) == [
        "Floor          min   median      max",
        "run         0.25 s   0.28 s   0.30 s",
        "git clone  0.017 s  0.017 s  0.017 s",
    ]


def test_what_was_not_measured_is_no_zero() -> None:
    assert table("Floor", [("run", [])])[1] == "run          -        -        -"


def test_an_emoji_takes_two_columns() -> None:
    lines = table("Heddle", [("👀 seen", [0.01]), ("acknowledged", [0.02])])
    assert len({width(line) for line in lines}) == 1
    assert width("👀") == 2


@given(st.lists(st.tuples(st.text("ab 👀é", max_size=30), st.lists(st.floats(0, 999))), max_size=6))
def test_columns_line_up(rows: list[tuple[str, list[float]]]) -> None:
    lines = table("Title", rows)
    assert len(lines) == len(rows) + 1
    assert len({width(line) for line in lines}) == 1


def test_the_verdict_says_both_the_difference_and_whether_it_is_small_enough() -> None:
    assert (
        verdict("Claude's first request", Comparison(1.23, 0.95), 0.3)
        == "Claude's first request: Heddle 1.23 s, floor 0.95 s, +0.28 s = 1.29 times (aim: +0.3, reached)"
    )
    assert verdict("x", Comparison(2.0, 1.0), 0.3).endswith("+1.00 s = 2.00 times (aim: +0.3, missed)")


def test_the_verdict_of_a_heddle_below_the_floor_has_a_minus() -> None:
    assert "floor 1.00 s, -0.25 s = 0.75 times" in verdict("x", Comparison(0.75, 1.0), 0.3)


def test_without_measurements_there_is_no_verdict() -> None:
    assert verdict("Claude's first request", None, 0.3) == "Claude's first request: not measured"
