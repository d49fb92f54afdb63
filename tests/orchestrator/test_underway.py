"""Which workflows go on, and when one more is begun."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.underway import (
    FRESH_SECONDS,
    LONGEST_PAUSE,
    PAUSE_SECONDS,
    UNFINISHED,
    Underway,
    Workflow,
    name_of,
    successor,
)

BEGUN = time.time()


def after(seconds: float) -> float:
    """A time at which this process has long been running."""
    return BEGUN + 100_000 + seconds


@given(st.from_regex(r"[a-z-]+-[0-9a-f]{12}", fullmatch=True), st.integers(0, 10_000))
def test_successors_share_their_name(name: str, number: int) -> None:
    known = [Workflow(name, "ERROR", 0.0), Workflow(f"{name}.{number}", "ERROR", 0.0)]
    following = successor(name, known)
    assert following == f"{name}.{number + 1}"
    assert name_of(following) == name_of(name) == name


def test_successors_never_have_an_id_again_that_was_had() -> None:
    assert successor("run-1", []) == "run-1"
    assert successor("run-1", [Workflow("run-1.2", "SUCCESS", 0.0)]) == "run-1.3"


@pytest.mark.parametrize(
    ("status", "age", "expected"),
    [
        ("PENDING", 0, True),
        ("PENDING", FRESH_SECONDS - 1, True),
        ("PENDING", FRESH_SECONDS + 1, False),
        ("PENDING", -100, False),
        ("ERROR", 0, False),
        ("SUCCESS", 0, False),
    ],
)
def test_what_was_just_written_down_is_about_to_begin(status: str, age: float, expected: bool) -> None:
    assert Underway().goes_on([Workflow("run-1", status, after(-age))], after(0)) is expected


def test_what_an_earlier_process_left_is_taken_up_first() -> None:
    left = [Workflow("run-1", "PENDING", BEGUN - 5000)]
    underway = Underway()
    assert underway.goes_on(left, time.time())
    assert not underway.due(left, time.time())
    assert underway.due(left, after(0))


def test_the_first_one_is_due_at_once() -> None:
    assert Underway().due([], time.time())


@pytest.mark.parametrize("status", UNFINISHED)
@pytest.mark.parametrize("count", [1, 2, 5, 50])
def test_pauses_grow_up_to_an_hour(status: str, count: int) -> None:
    known = [Workflow(f"run-1.{number}", status, after(0)) for number in range(count)]
    pause = min(LONGEST_PAUSE, PAUSE_SECONDS * 2 ** (count - 1))
    underway = Underway()
    assert not underway.due(known, after(pause - 1))
    assert underway.due(known, after(pause + 1))
    assert underway.due(known, after(-5000)), "a clock that went back delays nothing"
