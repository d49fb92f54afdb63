from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.claude import conclusion
from orchestrator.claude.conclusion import Ending, conclude, tail
from orchestrator.claude.events import (
    ApiRetry,
    ClaudeExit,
    Event,
    Failed,
    Finished,
    Init,
    Phase,
    Restarted,
    Result,
    SessionLost,
    StopAsked,
)
from orchestrator.claude.progress import Progress, fold_all
from orchestrator.claude.stream import LineReader, parse
from orchestrator.report import Report, RunState

RECORDINGS = Path(__file__).parent / "recordings"
START = Progress(Report("run-1", "Fix it", RunState.QUEUED, 0.0))
DONE = Result("success", False, "Fixed.")
PUSHED = Finished("a", "b", "claude/fix", commits=1, pushed=True)
UNPUSHED = Finished("a", "b", "claude/fix", commits=1)
NOTHING = Finished("a", "a", "claude/fix")
SAFE = "What was done so far is safe on the branch `claude/fix`. "
KEPT = "What was done so far is not pushed; the workspace keeps it. "


def recorded(name: str) -> list[Event]:
    lines = LineReader().feed((RECORDINGS / f"{name}.jsonl").read_bytes())
    return [event for line in lines for event in parse(line)]


def ran(*events: Event) -> Progress:
    return fold_all(START, [Phase("claude"), *events])


def test_success_needs_commits_and_a_push() -> None:
    assert conclude(ran(DONE, ClaudeExit(0), PUSHED)) == (RunState.SUCCEEDED, None)
    assert conclude(ran(DONE, ClaudeExit(0), NOTHING)) == (RunState.UNCHANGED, None)
    assert conclude(ran(DONE, ClaudeExit(0), UNPUSHED))[0] is RunState.FAILED


def test_a_process_that_would_not_end_has_still_succeeded() -> None:
    assert conclude(ran(DONE, ClaudeExit(130, lingered=True), PUSHED)) == (RunState.SUCCEEDED, None)


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("credential_refused", conclusion.CREDENTIAL_REFUSED),
        ("forbidden", conclusion.CREDENTIAL_REFUSED),
        ("no_credit", conclusion.NO_CREDIT),
        ("rate_limited", conclusion.RATE_LIMITED),
        ("overloaded", conclusion.OVERLOADED),
        ("garbage", conclusion.GARBLED),
        ("prompt_too_long", conclusion.TOO_LONG),
        ("refusal", conclusion.REFUSED),
        ("max_turns", conclusion.MAX_TURNS),
        ("interrupted", conclusion.CLAUDE_FAILED),
        ("unknown_session", conclusion.CLAUDE_FAILED),
    ],
)
def test_recorded_failures(name: str, ending: Ending) -> None:
    state, problem = conclude(ran(*recorded(name), ClaudeExit(1), PUSHED))
    assert state is RunState.FAILED
    assert problem is not None
    assert problem.what == ending.what
    assert problem.todo == SAFE + ending.todo
    assert problem.output


@pytest.mark.parametrize(
    "name", ["steered", "edits", "tasks", "todos", "background", "subagent", "connection_cut"]
)
def test_recorded_successes(name: str) -> None:
    assert conclude(ran(*recorded(name), ClaudeExit(0), PUSHED)) == (RunState.SUCCEEDED, None)


def test_a_refused_credential_names_the_variables() -> None:
    _, problem = conclude(ran(*recorded("credential_refused"), ClaudeExit(1), NOTHING))
    assert problem is not None
    assert "ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN" in problem.todo


@pytest.mark.parametrize(
    ("events", "ending", "place"),
    [
        ([ClaudeExit(0), NOTHING], conclusion.NO_RESULT, ""),
        ([ClaudeExit(0), PUSHED], conclusion.NO_RESULT, SAFE),
        ([ClaudeExit(127), NOTHING], conclusion.NOT_STARTED, ""),
        ([Result("success", True, "oops"), ClaudeExit(0), UNPUSHED], conclusion.CLAUDE_FAILED, KEPT),
        ([Result("success", True, "", api_status=500), ClaudeExit(1), NOTHING], conclusion.MODEL_FAILED, ""),
        ([Result("success", True, "", api_status=402), ClaudeExit(1), NOTHING], conclusion.NO_CREDIT, ""),
        (
            [Result("success", True, "API Error: Unable to connect to API"), ClaudeExit(1), NOTHING],
            conclusion.UNREACHABLE,
            "",
        ),
        ([DONE, ClaudeExit(137), PUSHED], conclusion.ENDED_EARLY, SAFE),
        ([DONE, Init("s"), ClaudeExit(0), PUSHED], conclusion.ENDED_EARLY, SAFE),
        ([ClaudeExit(143, timed_out=True), PUSHED], conclusion.TIME_LIMIT, SAFE),
        (
            [ApiRetry(9, 10, 30, 401), ClaudeExit(0, timed_out=True), NOTHING],
            conclusion.CREDENTIAL_REFUSED,
            "",
        ),
        ([ApiRetry(9, 10, 30, None), ClaudeExit(0, timed_out=True), NOTHING], conclusion.UNREACHABLE, ""),
        (
            [DONE, ClaudeExit(0), Failed("push", "push_refused", "! no"), UNPUSHED],
            conclusion.PUSH_REFUSED,
            KEPT,
        ),
        (
            [DONE, ClaudeExit(0), Failed("push", "push_failed", "down"), UNPUSHED],
            conclusion.PUSH_FAILED,
            KEPT,
        ),
        ([DONE, ClaudeExit(0), Failed("push", "conflict", "C"), UNPUSHED], conclusion.CONFLICT, KEPT),
        ([DONE, ClaudeExit(0), Failed("save", "commit_failed", "C"), PUSHED], conclusion.COMMIT_FAILED, SAFE),
        ([DONE, ClaudeExit(0), Failed("save", "internal", "T"), NOTHING], conclusion.INTERNAL, ""),
        ([Failed("claude", "internal", "T"), NOTHING], conclusion.INTERNAL, ""),
        ([NOTHING], conclusion.NO_RESULT, ""),
        ([StopAsked(), ClaudeExit(0, stopped=True), PUSHED], conclusion.INTERRUPTED, SAFE),
    ],
)
def test_failures(events: list[Event], ending: Ending, place: str) -> None:
    state, problem = conclude(ran(*events))
    assert state is RunState.FAILED
    assert problem is not None
    assert (problem.what, problem.todo) == (ending.what, place + ending.todo)


@pytest.mark.parametrize(
    ("phase", "reason", "ending"),
    [
        ("clone", "clone_failed", conclusion.CLONE_FAILED),
        ("clone", "base_missing", conclusion.BASE_MISSING),
        ("setup", "setup_failed", conclusion.SETUP_FAILED),
        ("clone", "internal", conclusion.INTERNAL),
        ("setup", "news", conclusion.INTERNAL),
    ],
)
def test_failures_before_claude(phase: str, reason: str, ending: Ending) -> None:
    progress = fold_all(START, [Phase(phase), Failed(phase, reason, "last words"), Finished("", "", "b")])
    state, problem = conclude(progress)
    assert state is RunState.FAILED
    assert problem is not None
    assert (problem.what, problem.todo, problem.output) == (ending.what, ending.todo, "last words")


def test_a_person_stopped_it() -> None:
    interrupted = Result("error_during_execution", True)
    state, problem = conclude(
        ran(StopAsked(), interrupted, ClaudeExit(0, stopped=True), PUSHED), stop_requested=True
    )
    assert state is RunState.STOPPED
    assert problem is not None
    assert (problem.what, problem.todo) == (conclusion.STOPPED.what, SAFE + conclusion.STOPPED.todo)


def test_stopped_before_claude_began() -> None:
    progress = fold_all(START, [Phase("setup"), StopAsked(), NOTHING])
    assert conclude(progress, stop_requested=True)[0] is RunState.STOPPED


def test_a_stop_that_came_after_claude_was_done_changes_nothing() -> None:
    progress = ran(DONE, ClaudeExit(0), Phase("push"), StopAsked(), PUSHED)
    assert conclude(progress, stop_requested=True) == (RunState.SUCCEEDED, None)


def test_the_container_died() -> None:
    state, problem = conclude(ran(), exit_code=1, stderr="Traceback\nKeyError")
    assert state is RunState.FAILED
    assert problem is not None
    assert problem.what == conclusion.CONTAINER_DIED.what
    assert problem.todo == KEPT + conclusion.CONTAINER_DIED.todo
    assert problem.output == "Traceback\nKeyError\nexit code 1"
    _, early = conclude(START)
    assert early is not None
    assert early.todo == conclusion.CONTAINER_DIED.todo


def test_the_container_ran_out_of_memory() -> None:
    _, problem = conclude(ran(DONE, ClaudeExit(0)), exit_code=137, out_of_memory=True)
    assert problem is not None
    assert problem.what == conclusion.OUT_OF_MEMORY.what


def test_the_container_was_killed_during_a_stop() -> None:
    assert conclude(ran(StopAsked()), stop_requested=True, exit_code=137)[0] is RunState.STOPPED


def test_a_restart_after_a_failure_can_succeed() -> None:
    progress = ran(DONE, ClaudeExit(0), Failed("push", "push_failed"), Restarted(), Phase("push"), PUSHED)
    state, problem = conclude(progress)
    assert (state, problem) == (RunState.SUCCEEDED, None)


def test_a_lost_session_that_was_begun_again_succeeds() -> None:
    progress = ran(*recorded("unknown_session"), SessionLost("s"), Init("t"), DONE, ClaudeExit(0), PUSHED)
    assert conclude(progress) == (RunState.SUCCEEDED, None)


def test_the_tail_of_a_terminals_output() -> None:
    text = "\n".join(f"line {number}" for number in range(30)) + "\n\x1b[31mred\x1b[0m\r\n10%\r100%\n\n"
    assert tail(text, lines=3) == "line 29\nred\n100%"
    assert tail("x" * 5000) == "x" * conclusion.TAIL_CHARACTERS


@given(st.text())
def test_a_tail_is_short_and_plain(text: str) -> None:
    found = tail(text)
    assert len(found) <= conclusion.TAIL_CHARACTERS
    assert found.count("\n") < conclusion.TAIL_LINES
    assert "\x1b" not in found


@given(
    st.lists(
        st.sampled_from(
            [
                DONE,
                Result("success", True),
                Init("s"),
                ClaudeExit(0),
                ClaudeExit(1),
                StopAsked(),
                Failed("push", "x"),
            ]
        )
    ),
    st.sampled_from([PUSHED, UNPUSHED, NOTHING]) | st.none(),
    st.booleans(),
)
def test_every_run_has_an_end_and_every_failure_a_problem(
    events: list[Event], finished: Finished | None, stop_requested: bool
) -> None:
    progress = ran(*events, *([finished] if finished else []))
    state, problem = conclude(progress, stop_requested=stop_requested)
    assert state.ended
    assert (problem is None) == (state in (RunState.SUCCEEDED, RunState.UNCHANGED))
    if state is RunState.SUCCEEDED:
        assert finished is PUSHED
        assert progress.result == DONE
