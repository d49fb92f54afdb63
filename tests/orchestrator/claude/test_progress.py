from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.claude.activity import STOPPING, THINKING
from orchestrator.claude.events import (
    ApiRetry,
    AssistantText,
    ClaudeExit,
    CompactBoundary,
    Event,
    Failed,
    Finished,
    Init,
    Phase,
    Restarted,
    Result,
    SessionLost,
    StopAsked,
    ToolResult,
    ToolUse,
    Unknown,
    UserReplay,
)
from orchestrator.claude.progress import Progress, fold, fold_all
from orchestrator.claude.stream import LineReader, parse
from orchestrator.report import Diffstat, Report, RunState, Todo, TodoStatus

RECORDINGS = Path(__file__).parent / "recordings"
START = Progress(Report("run-1", "Fix it", RunState.QUEUED, 0.0))


def recorded(name: str) -> list[Event]:
    lines = LineReader().feed((RECORDINGS / f"{name}.jsonl").read_bytes())
    return [event for line in lines for event in parse(line)]


def after(*events: Event) -> Progress:
    return fold_all(START, events)


def test_the_phases_are_states() -> None:
    states = [
        after(Phase(phase)).report.state for phase in ("clone", "setup", "claude", "save", "push", "news")
    ]
    assert states == [
        RunState.STARTING,
        RunState.STARTING,
        RunState.WORKING,
        RunState.FINISHING,
        RunState.FINISHING,
        RunState.QUEUED,
    ]


def test_a_steered_session() -> None:
    progress = after(Phase("claude"), *recorded("steered"))
    assert progress.delivered == {
        "C123:1700.55",
        "5f0d2b5e-6a1c-5c7e-9b1c-111111111111",
        "5f0d2b5e-6a1c-5c7e-9b1c-222222222222",
    }
    assert progress.results == 2
    assert progress.answered
    assert progress.report.turns == 3
    assert progress.report.cost_usd == pytest.approx(0.042)
    assert (progress.report.words, progress.report.result) == ("more", "more")
    assert progress.session_id == "a1a57c0c-801d-4628-9cca-605d957acdd1"


def test_a_resumed_session_costs_only_its_own_part() -> None:
    """The recording resumes the session above, whose total was 0.042 dollars."""
    assert after(*recorded("resumed")).report.cost_usd == pytest.approx(0.014)


def test_a_cleared_conversation_goes_on_counting() -> None:
    progress = after(*recorded("cleared"))
    results = [event for event in recorded("cleared") if isinstance(event, Result)]
    assert results[1].cost_usd == 0
    assert progress.report.cost_usd == pytest.approx(0.014 * 5)
    assert progress.session_id == results[-1].session_id != results[0].session_id


def test_without_parts_the_totals_are_subtracted() -> None:
    def result(session_id: str, total: float | None) -> Result:
        return Result("success", False, session_id=session_id, cost_usd=total)

    progress = after(result("a", 1.0), result("a", 1.5), result("b", 0.25), result("b", None))
    assert progress.report.cost_usd == pytest.approx(1.75)
    assert after(result("a", None)).report.cost_usd is None


def test_todos_as_a_whole() -> None:
    assert after(*recorded("todos")).report.todos == (
        Todo("Read the code", TodoStatus.COMPLETED),
        Todo("Fix the bug", TodoStatus.COMPLETED),
        Todo("Run the tests", TodoStatus.COMPLETED),
    )


def test_todos_task_by_task() -> None:
    seen: list[tuple[Todo, ...]] = []
    progress = START
    for event in recorded("tasks"):
        progress = fold(progress, event)
        if not seen or seen[-1] != progress.report.todos:
            seen.append(progress.report.todos)
    read, fix = "Read the code", "Fix the bug"
    pending, doing, done = TodoStatus.PENDING, TodoStatus.IN_PROGRESS, TodoStatus.COMPLETED
    assert seen == [
        (),
        (Todo(read, pending),),
        (Todo(read, pending), Todo(fix, pending)),
        (Todo(read, doing), Todo(fix, pending)),
        (Todo(read, done), Todo(fix, pending)),
        (Todo(read, done), Todo(fix, doing)),
        (Todo(read, done), Todo(fix, done)),
        (Todo(read, done),),
    ]


def test_a_subagents_words_and_todos_are_not_the_runs() -> None:
    todos = {"todos": [{"content": "Inner", "status": "pending"}]}
    progress = after(
        AssistantText("Mine"), AssistantText("Theirs", "t0"), ToolUse("TodoWrite", todos, "t1", "t0")
    )
    assert progress.report.words == "Mine"
    assert progress.report.todos == ()


def test_a_subagent_at_work_is_marked() -> None:
    lines = []
    progress = START
    for event in recorded("subagent"):
        progress = fold(progress, event)
        lines.append(progress.report.activity)
    assert "Handing over to a subagent: `Look at the tests`" in lines
    assert "Subagent: Running `echo hi`" in lines


def test_activity_follows_the_tool() -> None:
    using = after(ToolUse("Bash", {"command": "make"}, "t1"), ToolResult("t0", False, ""))
    assert using.report.activity == "Running `make`"
    assert fold(using, ToolResult("t1", False, "")).report.activity == THINKING
    assert fold(using, Result("success", False)).report.activity == ""


def test_paths_are_relative_to_the_folder_that_claude_code_names() -> None:
    progress = after(
        Init("s", folder="/elsewhere"), ToolUse("Read", {"file_path": "/elsewhere/a/b.py"}, "t1")
    )
    assert progress.report.activity == "Reading `a/b.py`"


def test_a_retry_is_shown_until_the_model_answers() -> None:
    waiting = after(*recorded("overloaded")[:4])
    assert waiting.retry is not None
    assert waiting.report.activity.startswith("Waiting for the model: overloaded, try ")
    assert fold(waiting, AssistantText("Here")).retry is None
    assert fold(waiting, AssistantText("API Error", api_error=True)).retry is not None
    assert "API Error" not in after(*recorded("overloaded")).report.words


def test_a_stop_and_a_restart() -> None:
    stopped = after(Phase("claude"), StopAsked())
    assert stopped.stopped
    assert stopped.report.activity == STOPPING
    dead = after(Phase("push"), Failed("push", "push_failed"), ClaudeExit(1))
    again = fold(dead, Restarted())
    assert (again.failures, again.exit) == ((), ClaudeExit(1))


def test_a_lost_session_begins_again() -> None:
    progress = after(UserReplay("m1", ""), *recorded("unknown_session"), SessionLost("s"))
    assert progress.delivered == frozenset()
    assert progress.result is None
    assert progress.session_id is None


def test_the_end_brings_the_diffstat() -> None:
    progress = after(Finished("a", "b", "branch", 1, 2, 3, 4, True))
    assert progress.report.diffstat == Diffstat(1, 2, 3, 4)
    assert not progress.report.state.ended


EVENTS = st.one_of(
    st.builds(Phase, st.sampled_from(["clone", "setup", "claude", "save", "push", ""])),
    st.builds(Init, st.text(max_size=3), folder=st.sampled_from(["", "/r"])),
    st.builds(AssistantText, st.text(max_size=5), st.none() | st.just("t0")),
    st.builds(
        ToolUse,
        st.sampled_from(["Bash", "TodoWrite", "TaskCreate", "TaskUpdate"]),
        st.fixed_dictionaries(
            {
                "subject": st.text(max_size=3),
                "taskId": st.sampled_from(["1", "2"]),
                "status": st.sampled_from(["pending", "completed", "deleted", "news"]),
                "todos": st.just([{"content": "a", "status": "pending"}]),
            }
        ),
        st.sampled_from(["t1", "t2"]),
    ),
    st.builds(
        ToolResult, st.sampled_from(["t1", "t2"]), st.booleans(), st.sampled_from(["Task #1", "Task #2", ""])
    ),
    st.builds(UserReplay, st.sampled_from(["m1", "m2"]), st.text(max_size=3)),
    st.builds(ApiRetry, st.integers(1, 10), st.just(10), st.just(1.0), st.sampled_from([None, 401, 529])),
    st.builds(
        Result,
        st.sampled_from(["success", "error_max_turns"]),
        st.booleans(),
        cost_usd=st.none() | st.floats(0, 9),
        cost_since_usd=st.none() | st.floats(0, 9),
    ),
    st.sampled_from([CompactBoundary(), StopAsked(), Restarted(), SessionLost("s"), Unknown("x")]),
    st.builds(ClaudeExit, st.integers(0, 255)),
    st.builds(Failed, st.just("push"), st.just("conflict")),
    st.builds(Finished, st.just("a"), st.just("b"), st.just("c"), st.integers(0, 3)),
)


@given(st.lists(EVENTS, max_size=20), st.integers(0, 20))
def test_where_the_log_was_split_does_not_matter(events: list[Event], place: int) -> None:
    earlier = fold_all(START, events[:place])
    assert fold_all(earlier, events[place:]) == fold_all(START, events)


@given(st.sampled_from(sorted(path.stem for path in RECORDINGS.glob("*.jsonl"))), st.data())
def test_a_recording_read_in_pieces_gives_the_same(name: str, data: st.DataObject) -> None:
    log = (RECORDINGS / f"{name}.jsonl").read_bytes()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(log)), max_size=6)))
    reader = LineReader()
    progress = START
    for start, end in zip([0, *cuts], [*cuts, len(log)], strict=True):
        for line in reader.feed(log[start:end]):
            progress = fold_all(progress, parse(line))
    assert progress == after(*recorded(name))


@given(st.lists(EVENTS, max_size=12), EVENTS)
def test_a_fold_never_ends_a_run_and_never_loses_what_was_delivered(
    events: list[Event], event: Event
) -> None:
    before = after(*events)
    progress = fold(before, event)
    assert not progress.report.state.ended
    if not isinstance(event, SessionLost):
        assert progress.delivered >= before.delivered
    assert replace(progress.report, activity="") == progress.report or len(progress.report.activity) <= 140


def test_every_line_of_the_driver_is_understood() -> None:
    """The words are the contract's; a change on one side must be seen on the other."""
    lines: list[dict[str, object]] = [
        {"event": "phase", "phase": "clone"},
        {"event": "stop"},
        {"event": "restart"},
        {"event": "session_lost", "session": "s"},
        {"event": "claude_exit", "code": 0},
        {"event": "failed", "phase": "push", "reason": "conflict", "output": ""},
        {"event": "finished", "head": ""},
    ]
    log = b"".join(json.dumps({"type": "heddle", "at": 1.0, **line}).encode() + b"\n" for line in lines)
    events = [event for line in LineReader().feed(log) for event in parse(line)]
    assert not [event for event in events if isinstance(event, Unknown)]
