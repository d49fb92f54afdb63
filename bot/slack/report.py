"""Reports, questions and short answers as Slack blocks, within Slack's limits whatever they hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot import wording
from bot.conversations import MessageKind
from bot.markdown import ELLIPSIS, first_line, truncate, whole_characters
from bot.platform import Button
from bot.printable import printable
from bot.slack.deliveries import BUTTONS, CHOOSE
from bot.slack.escape import disarm, escape
from orchestrator.report import Problem, Report, RunState, Todo, TodoStatus

# Slack, "Block Kit reference". All markdown blocks of a message together may have 12,000 characters, and
# all its blocks, as app authors measured, some 13,000 with 125 added for each: what follows stays below.
OPTION_LENGTH = 75
OPTIONS = 100
BUTTON_VALUE_LENGTH = 2_000
BUTTON_LENGTH = 75
CONFIRM_TITLE_LENGTH = 100
CONFIRM_TEXT_LENGTH = 300
CONFIRM_BUTTON_LENGTH = 30
FALLBACK_LENGTH = 3_000

NOTICE_LENGTH = 6_000
RESULT_LENGTH = 7_000
RESULT_LENGTH_BESIDE_PROBLEM = 3_000
WORDS_LENGTH = 700
PROBLEM_LENGTH = 700
ACTIVITY_LENGTH = 200
NOTE_LENGTH = 500
OUTPUT_LENGTH = 2_400
NAME_LENGTH = 140
ADDRESS_LENGTH = 1_000
TASK_LENGTH = 60
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

ACTIONS = {kind: action for action, kind in BUTTONS.items()}

PULL_REQUEST = "Pull request #{number}"
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
CANCEL_LABEL = "Cancel"
NOTHING = "(nothing to show)"

_ADDRESS = re.compile(r"https?://[!#-;=?-{}~]+")  # what a link of Slack's takes as it is, but for "&"
_TICKS = re.compile(r"`+")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A post: `blocks` as shown, `text` for notifications and screen readers."""

    text: str
    blocks: list[dict[str, Any]]


def render(report: Report, *, now: float) -> Rendered:
    """A run's report. Always valid for Slack, whatever its texts hold."""
    blocks = [_context(_headline(report, now))]
    if note := _plain(report.note, NOTE_LENGTH):
        blocks.append(_context(note))
    if report.todos:
        blocks.append(_checklist(report))
    blocks += _ended(report, now) if report.state.ended else _going_on(report)
    blocks += _actions(_offered(report))
    summary = f"{wording.STATES[report.state]}: {_line(report.task, TASK_LENGTH) or NOTHING}"
    if report.pull_request is not None:
        summary += f" {_line(report.pull_request.url, ADDRESS_LENGTH)}"
    return Rendered(summary, blocks)


def picker(repositories: Sequence[str], *, question_id: str) -> Rendered:
    """Asks for a repository. The choice arrives with `question_id` as its block's id."""
    names = [name for name in dict.fromkeys(repositories) if name.strip() and name == printable(name)]
    offered = [name for name in names if len(name) <= OPTION_LENGTH][:OPTIONS]
    if not offered:
        return notice(NONE_TEXT)
    menu = {
        "type": "static_select",
        "action_id": CHOOSE,
        "placeholder": {"type": "plain_text", "text": PLACEHOLDER},
        "options": [
            {"text": {"type": "plain_text", "text": name}, "value": name} for name in offered[:OPTIONS]
        ],
    }
    actions = {"type": "actions", "block_id": question_id, "elements": [menu]}
    return Rendered(CHOOSE_TEXT, [_section(CHOOSE_TEXT), actions])


def picked(repository: str) -> Rendered:
    """What stands in the question's place once it is answered."""
    return notice(PICKED.format(repository=repository))


def notice(text: str, buttons: Sequence[Button] = ()) -> Rendered:
    """A short answer in markdown, with buttons of different kinds under it."""
    shown = _fitted(text, NOTICE_LENGTH) or NOTHING
    return Rendered(_plain(shown, FALLBACK_LENGTH), [_markdown(shown), *_actions(buttons)])


def _headline(report: Report, now: float) -> str:
    parts = [f"{SYMBOLS[report.state]} *{wording.STATES[report.state]}*"]
    if not report.state.ended and report.state is not RunState.QUEUED:
        parts.append(wording.minutes(report.elapsed(now)))  # seconds would change with every edit
    if report.repository.strip():
        parts.append(f"`{_name(report.repository)}`")
    parts.append(_line(report.task, TASK_LENGTH))
    return " · ".join(part for part in parts if part)


def _going_on(report: Report) -> list[dict[str, Any]]:
    blocks = []
    if words := _fitted(report.words, WORDS_LENGTH):
        blocks.append(_markdown(words))
    if activity := _line(report.activity, ACTIVITY_LENGTH):
        blocks.append(_context(activity))
    return blocks


def _offered(report: Report) -> list[Button]:
    """What can be done with a run."""
    asks = "" if report.state.ended else wording.CONTINUE_ASKS
    go_on = Button(MessageKind.CONTINUE, report.run_id, wording.CONTINUE_LABEL, asks=asks)
    return [go_on] if report.state.ended else [Button(MessageKind.STOP, report.run_id, STOP_LABEL), go_on]


def _actions(buttons: Sequence[Button]) -> list[dict[str, Any]]:
    """Buttons in a row, as far as Slack takes what they carry."""
    elements = [_button(button) for button in buttons if 0 < len(button.subject) <= BUTTON_VALUE_LENGTH]
    return [{"type": "actions", "elements": elements}] if elements else []


def _button(button: Button) -> dict[str, Any]:
    element: dict[str, Any] = {
        "type": "button",
        "action_id": ACTIONS[button.kind],
        "value": button.subject,
        "text": _label(button.label, BUTTON_LENGTH),
    }
    if button.danger:
        element["style"] = "danger"
    if button.asks:
        element["confirm"] = {
            "title": _label(f"{button.label}?", CONFIRM_TITLE_LENGTH),
            "text": _label(button.asks, CONFIRM_TEXT_LENGTH),
            "confirm": _label(button.label, CONFIRM_BUTTON_LENGTH),
            "deny": _label(CANCEL_LABEL, CONFIRM_BUTTON_LENGTH),
        }
        if button.danger:
            element["confirm"]["style"] = "danger"
    return element


def _label(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": first_line(printable(text), limit) or NOTHING}


def _ended(report: Report, now: float) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if report.problem is not None:
        blocks += _problem(report.problem)
    elif report.state is RunState.UNCHANGED:
        blocks.append(_section(wording.UNCHANGED))
    if report.problem is None or report.state is RunState.STOPPED:
        length = RESULT_LENGTH if report.problem is None else RESULT_LENGTH_BESIDE_PROBLEM
        if result := _fitted(report.result, length) or _fitted(report.words, length):
            blocks.append(_markdown(result))
    if report.pull_request is not None:
        label = PULL_REQUEST.format(number=report.pull_request.number)
        updated = f" ({wording.UPDATED})" if report.pull_request.reused else ""
        origin = f" from `{_name(report.branch)}`" if report.branch.strip() else ""
        blocks.append(_section(f"*{_link(report.pull_request.url, label)}*{updated}{origin}"))
    elif report.branch_url and report.branch.strip():
        blocks.append(_section(f"Branch {_link(report.branch_url, report.branch)}"))
    return [*blocks, _context(wording.figures(report, now))]


def _problem(problem: Problem) -> list[dict[str, Any]]:
    what = _fitted(" ".join(printable(problem.what).split()), PROBLEM_LENGTH)
    todo = _fitted(problem.todo, PROBLEM_LENGTH)
    heading = what if not what or "*" in what or what.endswith("\\") else f"**{what}**"
    text = "\n\n".join(part for part in (heading, todo) if part)
    blocks = [_markdown(text)] if text else []
    output = printable(problem.output).strip("\n")
    if output.strip():
        blocks.append(_markdown(_code(output)))
    return blocks


def _code(output: str) -> str:
    """The end of an output, from the beginning of a line where there is one, in a fence that holds it."""
    shown = disarm(output[-OUTPUT_LENGTH:])[-OUTPUT_LENGTH:]
    if len(shown) < len(output):
        line = shown.find("\n", 0, OUTPUT_LENGTH // 2)
        shown = f"…{shown[line:] if line >= 0 else shown}"
    # A fence longer than any run of backticks inside it can't be closed by what it holds.
    longest = max((len(run) for run in _TICKS.findall(shown)), default=0)
    fence = "`" * max(3, longest + 1) if longest < 20 else "~~~"
    shown = shown if fence[0] == "`" else shown.replace("~~~", "~ ~ ~")
    return f"{fence}\n{shown}\n{fence}"


def _checklist(report: Report) -> dict[str, Any]:
    """One line for each step; of many, the first done and the last to do are only counted."""
    todos = report.todos
    done = [index for index, todo in enumerate(todos) if todo.status is TodoStatus.COMPLETED]
    if report.state.ended and report.problem is None and len(done) == len(todos) > 1:
        steps = wording.ALL_DONE.format(steps=wording.count(len(todos), "step"))
        return _context(f"{MARKS[TodoStatus.COMPLETED]} {steps}")
    folded = frozenset(done[: max(0, len(todos) - TODOS_SHOWN)])
    lines = [f"_{wording.count(len(folded), 'step')} done before_"] if folded else []
    shown = [todo for index, todo in enumerate(todos) if index not in folded]
    lines += map(_step, shown[:TODOS_SHOWN])
    if len(shown) > TODOS_SHOWN:
        lines.append(f"_and {wording.count(len(shown) - TODOS_SHOWN, 'step')} more_")
    return _section("\n".join(lines))


def _step(todo: Todo) -> str:
    text = _line(todo.text, TODO_LENGTH) or "…"
    bold = todo.status is TodoStatus.IN_PROGRESS and "*" not in text
    return f"{MARKS[todo.status]} {f'*{text}*' if bold else text}"


def _fitted(text: str, limit: int) -> str:
    """Somebody's markdown for a markdown block of at most `limit` characters."""
    return truncate(disarm(printable(text).strip()), limit)


def _line(text: str, limit: int) -> str:
    """The first line of somebody's words inside our mrkdwn: at most `limit` characters, also when escaped."""
    return _plain(first_line(printable(text), limit), limit)


def _name(name: str) -> str:
    """A name for between two backticks."""
    return _line(name.replace("`", "'"), NAME_LENGTH) or "?"


def _plain(text: str, limit: int) -> str:
    room, shown = limit, truncate(text, limit)
    while len(escaped := escape(disarm(shown))) > limit:
        room -= max(1, (len(escaped) - limit) // 6)
        shown = text[: whole_characters(text, room)].rstrip() + ELLIPSIS
    return escaped


def _link(address: str, label: str) -> str:
    """A link in mrkdwn; only its label where Slack could not link the address."""
    shown = _line(label, NAME_LENGTH)
    if len(address) > ADDRESS_LENGTH or not _ADDRESS.fullmatch(address):
        return shown
    return f"<{escape(address)}|{shown}>"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _context(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text}]}


def _markdown(text: str) -> dict[str, Any]:
    return {"type": "markdown", "text": text}
