"""The events of a run, folded into what is known of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce

from orchestrator.claude import activity
from orchestrator.claude.events import (
    ApiRetry,
    AssistantText,
    ClaudeExit,
    CompactBoundary,
    Event,
    Failed,
    Finished,
    Init,
    Malformed,
    Oversize,
    Phase,
    RateLimit,
    Restarted,
    Result,
    SessionLost,
    StopAsked,
    ToolResult,
    ToolUse,
    Unknown,
    UserReplay,
)
from orchestrator.claude.stream import Entry
from orchestrator.report import Diffstat, Report, RunState, Todo, TodoStatus

_STATES = {
    "clone": RunState.STARTING,
    "setup": RunState.STARTING,
    "claude": RunState.WORKING,
    "save": RunState.FINISHING,
    "push": RunState.FINISHING,
}
_NUMBER = re.compile(r"#(\d+)")
_STATUSES = frozenset(status.value for status in TodoStatus)


@dataclass(frozen=True, slots=True)
class Progress:
    """All that the journal has told so far. Begin with `Progress(report)`.

    delivered: ids of the messages that Claude has taken. answered: no turn is open. retry: the request to the
    model that fails right now, None as soon as one succeeds. failures: what went wrong in the phases, in order.
    works: how often Claude got something done, a tool or a turn. restarts: when further containers took the run up
    since the last of these.
    """

    report: Report
    folder: str = activity.REPOSITORY
    session_id: str | None = None
    delivered: frozenset[str] = frozenset()
    result: Result | None = None
    results: int = 0
    answered: bool = True
    api_errors: int = 0
    retry: ApiRetry | None = None
    rate_limit: RateLimit | None = None
    stopped: bool = False
    exit: ClaudeExit | None = None
    failures: tuple[Failed, ...] = ()
    finished: Finished | None = None
    works: int = 0
    restarts: tuple[float, ...] = ()
    tool: str = ""  # the tool use that `report.activity` tells of
    tasks: tuple[tuple[str, Todo], ...] = ()
    wanted: tuple[tuple[str, str], ...] = ()  # TaskCreate calls without an answer: tool use → subject


def fold_all(progress: Progress, events: Iterable[Event]) -> Progress:
    return reduce(fold, events, progress)


def fold(progress: Progress, event: Event) -> Progress:
    """What is known after one more event. Never changes a report to an end: that is `conclude`'s decision."""
    match event:
        case Phase():
            state = _STATES.get(event.phase, progress.report.state)
            return _showing(progress, activity.of_phase(event), state=state)
        case Init():
            folder = event.folder or progress.folder
            session_id = event.session_id or progress.session_id
            return replace(progress, folder=folder, session_id=session_id, answered=False)
        case AssistantText():
            return _heard(progress, event)
        case ToolUse():
            used = _with_todos(replace(progress, retry=None), event)
            return replace(_showing(used, activity.of_tool(event, used.folder)), tool=event.id)
        case ToolResult():
            return _answered_tool(progress, event)
        case UserReplay():
            return replace(progress, delivered=progress.delivered | {event.id}, answered=False)
        case ApiRetry():
            failing = replace(progress, retry=event, api_errors=progress.api_errors + 1)
            return _showing(failing, activity.of_retry(event))
        case CompactBoundary():
            return _showing(progress, activity.COMPACTING)
        case RateLimit():
            return replace(progress, rate_limit=event)
        case Result():
            return _ended_turn(progress, event)
        case StopAsked():
            return replace(_showing(progress, activity.STOPPING), stopped=True)
        case Restarted():
            return _restarted(progress, event)
        case SessionLost():
            return replace(progress, session_id=None, delivered=frozenset(), result=None, answered=True)
        case ClaudeExit():
            return replace(_showing(progress, ""), exit=event)
        case Failed():
            return replace(progress, failures=(*progress.failures, event))
        case Finished():
            diffstat = Diffstat(event.commits, event.files, event.insertions, event.deletions)
            return replace(_showing(progress, "", diffstat=diffstat), finished=event)
        case Unknown() | Malformed() | Oversize():
            return progress


def _showing(
    progress: Progress, line: str, *, state: RunState | None = None, diffstat: Diffstat | None = None
) -> Progress:
    report = replace(
        progress.report,
        activity=line,
        state=state or progress.report.state,
        diffstat=diffstat or progress.report.diffstat,
    )
    return replace(progress, report=report, tool="")


def _heard(progress: Progress, event: AssistantText) -> Progress:
    if event.api_error:
        return progress
    report = progress.report
    if event.parent is None and event.text.strip():
        report = replace(report, words=event.text)
    return replace(progress, report=report, retry=None)


def _restarted(progress: Progress, event: Restarted) -> Progress:
    """What the container before has said of its end does not count; how Claude ended by itself does."""
    ended = progress.exit if progress.exit is not None and not progress.exit.stopped else None
    again = replace(
        progress,
        failures=(),
        finished=None,
        stopped=False,
        exit=ended,
        retry=None,
        restarts=(*progress.restarts, event.at),
    )
    return _showing(again, activity.RESTARTED)


def _answered_tool(progress: Progress, event: ToolResult) -> Progress:
    progress = replace(progress, works=progress.works + 1, restarts=())
    if event.id == progress.tool:
        progress = _showing(progress, activity.THINKING)
    subject = dict(progress.wanted).get(event.id)
    if subject is None:
        return progress
    wanted = tuple(item for item in progress.wanted if item[0] != event.id)
    number = _NUMBER.search(event.text)
    if event.is_error or number is None:
        return replace(progress, wanted=wanted)
    made = Todo(subject, TodoStatus.PENDING)
    tasks = (*(item for item in progress.tasks if item[0] != number[1]), (number[1], made))
    return _with_tasks(replace(progress, wanted=wanted), tasks)


def _with_todos(progress: Progress, use: ToolUse) -> Progress:
    """The to-do list: written whole by TodoWrite, or task by task by the tools of newer versions."""
    given = Entry(use.input)
    match use.name:
        case "TodoWrite" if use.parent is None:
            todos = tuple(
                Todo(item.string("content"), _status(item.string("status")) or TodoStatus.PENDING)
                for item in given.entries("todos")
            )
            return replace(progress, report=replace(progress.report, todos=todos))
        case "TaskCreate":
            return replace(progress, wanted=(*progress.wanted, (use.id, given.string("subject"))))
        case "TaskUpdate":
            return _with_tasks(progress, _updated(progress.tasks, given))
        case _:
            return progress


def _updated(tasks: tuple[tuple[str, Todo], ...], given: Entry) -> tuple[tuple[str, Todo], ...]:
    number, status = given.string("taskId"), given.string("status")
    if status == "deleted":
        return tuple(item for item in tasks if item[0] != number)
    return tuple(
        (key, Todo(given.string("subject") or todo.text, _status(status) or todo.status))
        if key == number
        else (key, todo)
        for key, todo in tasks
    )


def _with_tasks(progress: Progress, tasks: tuple[tuple[str, Todo], ...]) -> Progress:
    if tasks == progress.tasks:
        return progress
    todos = tuple(todo for _, todo in tasks)
    return replace(progress, tasks=tasks, report=replace(progress.report, todos=todos))


def _status(name: str) -> TodoStatus | None:
    return TodoStatus(name) if name in _STATUSES else None


def _ended_turn(progress: Progress, result: Result) -> Progress:
    report = replace(
        progress.report,
        activity="",
        result=result.text or progress.report.result,
        turns=(progress.report.turns or 0) + result.num_turns,
        cost_usd=_cost(progress, result),
    )
    return replace(
        progress,
        report=report,
        works=progress.works + 1,
        restarts=(),
        session_id=result.session_id or progress.session_id,
        result=result,
        results=progress.results + 1,
        answered=True,
        tool="",
    )


def _cost(progress: Progress, result: Result) -> float | None:
    """Of this run: Claude Code's total also holds what earlier runs in the same session cost."""
    spent = progress.report.cost_usd
    if result.cost_since_usd is not None:
        return (spent or 0.0) + result.cost_since_usd
    if result.cost_usd is None:
        return spent
    before = progress.result
    same = before is not None and before.session_id == result.session_id
    known = (before.cost_usd or 0.0) if before is not None and same else 0.0
    return (spent or 0.0) + max(0.0, result.cost_usd - known)
