"""Whether a run whose container is gone goes on in another one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator import problems, reviving
from orchestrator.claude.events import ClaudeExit, Finished, Phase, Restarted, StopAsked, ToolResult
from orchestrator.claude.progress import Progress, fold_all
from orchestrator.containers import Container
from orchestrator.report import Report, RunState
from orchestrator.reviving import Death, Verdict, given_up, judge

FIRST = Progress(Report("r", "t", RunState.STARTING, 1.0))
WORKING = fold_all(FIRST, [Phase("clone"), Phase("claude"), ToolResult("t1", False, "", None)])
FINISHED = Finished("abc", "def", "b", 1, 1, 1, 0, True, 9.0)
STOPPED_BY_ITSELF = fold_all(WORKING, [StopAsked(), ClaudeExit(0, stopped=True), FINISHED])
NOW = 10_000.0


def container(state: str = "exited", code: int = 137, *, memory: bool = False) -> Container:
    return Container("c", state, code, memory)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (None, reviving.GONE),
        (container("removing"), reviving.GONE),
        (container("created", 0), reviving.NEVER_STARTED),
        (container("dead"), reviving.KILLED),
        (container(), reviving.KILLED),
        (container(code=143), reviving.KILLED),
        (container(code=255), reviving.KILLED),
        (container(code=0), "its container ended with exit code 0"),
        (container(code=1), "its container ended with exit code 1"),
        (container(memory=True), reviving.OUT_OF_MEMORY),
    ],
)
def test_every_way_to_die_is_tried_again_and_told(found: Container | None, reason: str) -> None:
    death = Death(found, WORKING)
    assert judge(death, NOW) is Verdict.REVIVE
    assert death.reason == reason


@pytest.mark.parametrize("found", [container(code=1), container(code=126), container(memory=True)])
def test_what_the_run_has_caused_is_tried_again_once(found: Container) -> None:
    death = Death(found, WORKING)
    assert death.own
    assert judge(replace(death, failures=1), NOW) is Verdict.CONCLUDE


@pytest.mark.parametrize("found", [None, container(), container("created", 0), container(code=0)])
def test_what_came_from_outside_is_no_failure_of_the_runs(found: Container | None) -> None:
    assert not Death(found, WORKING).own
    assert judge(Death(found, WORKING, failures=5), NOW) is Verdict.REVIVE


def test_three_in_a_row_are_enough() -> None:
    for count in range(5):
        progress = fold_all(WORKING, [Restarted(NOW - 10 * number) for number in range(count)])
        expected = Verdict.REVIVE if count < 3 else Verdict.GIVE_UP
        assert judge(Death(container(), progress), NOW) is expected
        assert judge(Death(container(), WORKING, attempts=(NOW,) * count), NOW) is expected


def test_what_is_long_ago_or_led_to_something_is_no_row() -> None:
    old = NOW - reviving.WITHIN_SECONDS - 1
    long_ago = fold_all(WORKING, [Restarted(old)] * 5)
    assert judge(Death(container(), long_ago, attempts=(old,) * 5), NOW) is Verdict.REVIVE
    useful = fold_all(WORKING, [*[Restarted(NOW)] * 3, ToolResult("t2", False, "", None), Restarted(NOW)])
    assert useful.restarts == (NOW,)
    assert judge(Death(container(), useful), NOW) is Verdict.REVIVE


def test_an_end_is_an_end() -> None:
    done = fold_all(WORKING, [ClaudeExit(0), FINISHED])
    assert judge(Death(container(code=0), done), NOW) is Verdict.CONCLUDE
    # A signal that came when Claude had ended by itself changed nothing.
    late = fold_all(WORKING, [ClaudeExit(0), StopAsked(), FINISHED])
    assert judge(Death(container(code=0), late), NOW) is Verdict.CONCLUDE


def test_a_driver_that_a_signal_from_outside_has_ended_goes_on() -> None:
    death = Death(container(code=0), STOPPED_BY_ITSELF)
    assert (death.interrupted, death.own, death.reason) == (True, False, reviving.INTERRUPTED)
    assert judge(death, NOW) is Verdict.REVIVE
    again = fold_all(STOPPED_BY_ITSELF, [Restarted(NOW), Phase("claude"), ClaudeExit(0), FINISHED])
    assert not Death(container(code=0), again).interrupted
    assert judge(Death(container(code=0), again), NOW) is Verdict.CONCLUDE


def test_the_problem_says_that_the_work_is_kept() -> None:
    problem = given_up(Death(container(), WORKING))
    assert problem.what == problems.DIED_AGAIN.format(times=4)
    assert "reply here to go on" in problem.todo
    assert problem.output == "exit code 137"
