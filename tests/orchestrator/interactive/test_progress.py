"""What people see of a start, as a function of what the journal says."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.interactive.opening import OpeningState, Progress, Status
from orchestrator.interactive.progress import (
    Lines,
    Seen,
    begin_step,
    fold,
    fold_all,
    moved,
    started,
)

FIRST = Seen(Progress(OpeningState.STARTING))


def line(at: float, event: str, **fields: object) -> bytes:
    return json.dumps({"at": at, "event": event, **fields}).encode()


START = [
    line(2.0, "begin"),
    line(2.1, "phase", phase="clone"),
    line(3.0, "phase", phase="setup"),
    line(4.0, "warning", output="make: no rule"),
    line(4.1, "phase", phase="terminal"),
    line(4.2, "ready"),
]


def shown(seen: Seen) -> list[tuple[str, float, float | None]]:
    return [(step.name, step.started_at, step.ended_at) for step in seen.progress.steps]


def test_whole_start() -> None:
    seen = started(begin_step(begin_step(FIRST, "waiting", 0.5), "container", 1.0), 1.9)
    seen = fold_all(seen, START)
    assert shown(seen) == [
        ("waiting", 0.5, 1.0),
        ("container", 1.0, 2.0),
        ("clone", 2.1, 3.0),
        ("setup", 3.0, 4.1),
        ("terminal", 4.1, 4.2),
    ]
    assert seen.ready
    assert seen.progress.warning == "make: no rule"
    assert moved(seen, OpeningState.OPEN).progress.state is OpeningState.OPEN


def test_the_journal_of_an_earlier_start_does_not_count() -> None:
    seen = started(FIRST, 10.0)
    old = [*START, line(9.0, "failed", reason="clone_failed", output="no")]
    assert fold_all(seen, old) == seen


def test_restart_begins_anew() -> None:
    seen = fold_all(fold_all(FIRST, START), [line(20.0, "begin"), line(20.1, "phase", phase="terminal")])
    assert shown(seen) == [("terminal", 20.1, None)]
    assert not seen.ready
    assert seen.progress.warning == ""


def test_failure_is_a_problem_in_words() -> None:
    seen = fold(FIRST, line(2.0, "failed", reason="base_missing", output="fatal: no main"))
    assert seen.failed
    assert seen.progress.problem is not None
    assert "base branch" in seen.progress.problem.what
    assert seen.progress.problem.output == "fatal: no main"
    assert moved(seen, OpeningState.OPEN).progress.problem is None


def test_status() -> None:
    said = line(5.0, "status", branch="heddle/x", head="abc", unpushed=2, changed=1)
    assert fold(FIRST, said).progress.status == Status("heddle/x", "abc", 2, 1)
    assert fold(FIRST, line(5.0, "status", branch="b", head="h", unpushed="2", changed=1)) == FIRST


NAMES = st.sampled_from(["begin", "phase", "warning", "ready", "failed", "status", "other", None, 3])
VALUES = st.none() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
PHASES = st.sampled_from(["clone", "setup", "terminal", "claude", 1, None])
ENTRIES = st.fixed_dictionaries(
    {"at": st.floats(0, 100) | VALUES, "event": NAMES, "phase": PHASES},
    optional=dict.fromkeys(("output", "reason", "branch", "head", "unpushed", "changed"), VALUES),
)


@given(st.lists(ENTRIES, max_size=30) | st.lists(st.binary(max_size=20), max_size=5))
def test_any_journal_gives_something_to_show(entries: list[object]) -> None:
    lines = [entry if isinstance(entry, bytes) else json.dumps(entry).encode() for entry in entries]
    seen = fold_all(FIRST, lines)
    steps = seen.progress.steps
    assert len({step.name for step in steps}) == len(steps)
    assert sum(step.ended_at is None for step in steps) <= 1
    assert all(step.ended_at is None or step.ended_at >= step.started_at for step in steps)
    assert not (seen.ready and seen.failed)


@given(st.lists(st.integers(0, 200), max_size=10))
def test_pieces_make_the_same_lines(cuts: list[int]) -> None:
    whole = b"\n".join(START) + b"\n"
    edges = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    lines = Lines()
    pieces = [whole[a:b] for a, b in zip(edges, edges[1:], strict=False)]
    assert [line for piece in pieces for line in lines.feed(piece)] == START
