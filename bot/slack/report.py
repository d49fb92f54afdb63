"""Reports, questions and short answers as Slack blocks, within Slack's limits whatever they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot import wording
from bot.markdown import first_line, truncate
from bot.slack.deliveries import CHOOSE, STOP
from bot.slack.escape import disarm, escape
from orchestrator.report import Problem, Report, RunState, Todo, TodoStatus

# Slack, "Block Kit reference".
FALLBACK_LENGTH = 3_000
SECTION_LENGTH = 3_000
MARKDOWN_LENGTH = 12_000  # for all markdown blocks of a message together
OPTION_LENGTH = 75
OPTIONS = 100

RESULT_LENGTH = 9_000
WORDS_LENGTH = 700
ACTIVITY_LENGTH = 200
OUTPUT_LENGTH = 2_400
TODO_LENGTH = 140
TODOS_SHOWN = 12

SYMBOLS = {
    RunState.QUEUED: ":hourglass_flowing_sand:",
    RunState.STARTING: ":large_yellow_circle:",
    RunState.WORKING: ":large_yellow_circle:",
    RunState.FINISHING: ":large_yellow_circle:",
    RunState.SUCCEEDED: ":large_green_circle:",
    RunState.UNCHANGED: ":white_circle:",
    RunState.FAILED: ":red_circle:",
    RunState.STOPPED: ":white_circle:",
}
MARKS = {TodoStatus.COMPLETED: "☑", TodoStatus.IN_PROGRESS: "▶", TodoStatus.PENDING: "☐"}

PULL_REQUEST = "Pull request #{number}"
UNCHANGED = "Claude changed nothing, so there is no pull request."
CHOOSE_TEXT = (
    "Which repository is this for? Choose one, or reply `repo:owner/name`. "
    "`@heddle use owner/name` sets it for the whole channel."
)
NONE_TEXT = (
    "Which repository is this for? Reply `repo:owner/name`. I can't see any repository to offer: "
    "an admin can give Heddle access on GitHub."
)
PLACEHOLDER = "Choose a repository"
PICKED = "Working in `{repository}`."
STOP_LABEL = "Stop"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A post: `blocks` as shown, `text` for notifications and screen readers."""

    text: str
    blocks: list[dict[str, Any]]


def render(report: Report, *, now: float) -> Rendered:
    """A run's report. Always valid for Slack, whatever its texts hold."""
    blocks = [_context(_headline(report, now))]
    if report.todos:
        blocks.append(_section(_checklist(report.todos)))
    blocks += _ended(report, now) if report.state.ended else _going_on(report)
    task = first_line(report.task, 150)
    summary = f"{wording.STATES[report.state]}: {task}"
    if report.pull_request is not None:
        summary += f" {report.pull_request.url}"
    return Rendered(escape(disarm(summary))[:FALLBACK_LENGTH], blocks)


def picker(repositories: Sequence[str], *, question_id: str) -> Rendered:
    """Asks for a repository. The choice arrives with `question_id` as its block's id."""
    offered = [name for name in repositories if len(name) <= OPTION_LENGTH][:OPTIONS]
    if not offered:
        return notice(NONE_TEXT)
    menu = {
        "type": "static_select",
        "action_id": CHOOSE,
        "placeholder": {"type": "plain_text", "text": PLACEHOLDER},
        "options": [{"text": {"type": "plain_text", "text": name}, "value": name} for name in offered],
    }
    actions = {"type": "actions", "block_id": question_id, "elements": [menu]}
    return Rendered(CHOOSE_TEXT, [_section(CHOOSE_TEXT), actions])


def picked(repository: str) -> Rendered:
    """What stands in the question's place once it is answered."""
    return notice(PICKED.format(repository=repository))


def notice(text: str) -> Rendered:
    """A short answer in markdown."""
    shown = truncate(disarm(text), SECTION_LENGTH)
    return Rendered(escape(shown)[:FALLBACK_LENGTH], [_markdown(shown)])


def _headline(report: Report, now: float) -> str:
    parts = [f"{SYMBOLS[report.state]} *{wording.STATES[report.state]}*"]
    if not report.state.ended and report.state is not RunState.QUEUED:
        parts.append(wording.duration(report.elapsed(now)))
    if report.repository:
        parts.append(f"`{escape(report.repository[:140])}`")
    parts.append(_calm(first_line(report.task, 80)))
    return " · ".join(part for part in parts if part)


def _going_on(report: Report) -> list[dict[str, Any]]:
    blocks = []
    if report.words.strip():
        words = truncate(disarm(report.words.strip()), WORDS_LENGTH)
        blocks.append(_markdown(words))
    if report.activity:
        blocks.append(_context(_calm(first_line(report.activity, ACTIVITY_LENGTH))))
    button = {
        "type": "button",
        "action_id": STOP,
        "value": report.run_id[:2000] or "-",
        "text": {"type": "plain_text", "text": STOP_LABEL},
    }
    return [*blocks, {"type": "actions", "elements": [button]}]


def _ended(report: Report, now: float) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if report.problem is not None:
        blocks += _problem(report.problem)
    elif report.state is RunState.UNCHANGED:
        blocks.append(_section(UNCHANGED))
    result = (report.result or report.words).strip()
    if result and (report.problem is None or report.state is RunState.STOPPED):
        blocks.append(_markdown(truncate(disarm(result), RESULT_LENGTH)))
    if report.pull_request is not None:
        label = PULL_REQUEST.format(number=report.pull_request.number)
        title = _calm(first_line(report.task, 120))
        blocks.append(_section(f"*<{escape(report.pull_request.url[:1500])}|{label}>*  {title}"))
    elif report.branch_url and report.branch:
        blocks.append(_section(f"Branch <{escape(report.branch_url[:1500])}|{escape(report.branch[:200])}>"))
    return [*blocks, _context(wording.figures(report, now))]


def _problem(problem: Problem) -> list[dict[str, Any]]:
    text = truncate(disarm(f"**{problem.what}**\n{problem.todo}"), 2 * WORDS_LENGTH)
    blocks = [_markdown(text)]
    output = problem.output.strip("\n")
    if output.strip():
        if len(output) > OUTPUT_LENGTH:
            output = f"…{output[-OUTPUT_LENGTH:]}"
        # A fence longer than any run of backticks inside it can't be closed by what it holds.
        fence = "`" * max(3, _longest_run(output) + 1)
        blocks.append(_markdown(f"{fence}\n{disarm(output)}\n{fence}"))
    return blocks


def _checklist(todos: Sequence[Todo]) -> str:
    done = [todo for todo in todos if todo.status is TodoStatus.COMPLETED]
    hidden = max(0, len(todos) - TODOS_SHOWN)
    folded = done[: min(hidden, len(done))]
    shown = [todo for todo in todos if todo not in folded]
    lines = [f"_{wording.count(len(folded), 'step')} done before_"] if folded else []
    for todo in shown[:TODOS_SHOWN]:
        text = _calm(first_line(todo.text, TODO_LENGTH)) or "…"
        lines.append(f"{MARKS[todo.status]} {f'*{text}*' if todo.status is TodoStatus.IN_PROGRESS else text}")
    if len(shown) > TODOS_SHOWN:
        lines.append(f"_and {wording.count(len(shown) - TODOS_SHOWN, 'step')} more_")
    return "\n".join(lines)


def _calm(text: str) -> str:
    """Somebody's words inside our mrkdwn."""
    return escape(disarm(text))


def _longest_run(text: str) -> int:
    longest = run = 0
    for letter in text:
        run = run + 1 if letter == "`" else 0
        longest = max(longest, run)
    return longest


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:SECTION_LENGTH]}}


def _context(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text[:SECTION_LENGTH]}]}


def _markdown(text: str) -> dict[str, Any]:
    return {"type": "markdown", "text": text}
