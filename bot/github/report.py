"""Reports and short answers as GitHub comments, and as what a check run shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from bot import wording
from bot.markdown import SHORTEST, first_line, truncate
from bot.printable import printable
from orchestrator.calm import calm
from orchestrator.report import Problem, PullRequest, Report, RunState, Todo, TodoStatus

MARKER = "<!-- heddle:{key} -->"
COMMENT_LENGTH = 65_536  # GitHub, "Create an issue comment": a longer body is refused
CHECK_BYTES = 65_535  # GitHub, "Create a check run": of `summary` and of `text`

# All of these together stay below 60,000 characters.
RESULT_LENGTH = 32_000
RESULT_LENGTH_BESIDE_PROBLEM = 12_000
WORDS_LENGTH = 2_000
NOTICE_LENGTH = 32_000
PROBLEM_LENGTH = 1_200
OUTPUT_LENGTH = 8_000
NOTE_LENGTH = 800
ACTIVITY_LENGTH = 240
TODO_LENGTH = 200
TODOS_SHOWN = 30
NAME_LENGTH = 240
ADDRESS_LENGTH = 1_000
TITLE_LENGTH = 120
LONGEST_TICKS = 20  # backticks in a row inside an output; more are shortened

PULL_REQUEST = "Pull request {link}"
ON_BRANCH = "on {branch}"
DONE_BEFORE = "{steps} done before"
MORE = "and {steps} more"
OUTPUT = "The last lines of output"
STOP = "Stop it with `/claude stop`."
STOP_OR_CONTINUE = (
    "Stop it with `/claude stop`, or {link}: that stops it, saves its work and opens a terminal."
)
CONTINUE = "continue interactively"
NOTHING = "(nothing to show)"

CONCLUSIONS = {
    RunState.SUCCEEDED: "success",
    RunState.UNCHANGED: "neutral",
    RunState.FAILED: "failure",
    RunState.STOPPED: "cancelled",
}

_KEY = re.compile(r"[^\s<>]{1,500}")
_MARKED = re.compile(rf"\A<!-- heddle:({_KEY.pattern}) -->[ \t]*(?:\r?\n|\Z)")
_ADDRESS = re.compile(r"https?://[!#-;=?-\[\]^_a-z{-}~]+", re.IGNORECASE)
_TICKS = re.compile(r"`+")
_SEPARATOR = "<!-- -->"  # keeps two lists apart


@dataclass(frozen=True, slots=True)
class Check:
    """A check run in GitHub's words. `conclusion` is None until it is completed."""

    status: str
    conclusion: str | None
    title: str
    summary: str
    text: str


def marked(key: str, text: str) -> str:
    """A comment by which Heddle finds it again; `key` is one word. At most what GitHub takes."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"not a key: {key!r}")
    marker = MARKER.format(key=key)
    return f"{marker}\n{truncate(text, COMMENT_LENGTH - len(marker) - 1)}"


def key_of(body: str) -> str | None:
    """The key of a comment of Heddle's; None where it bears none."""
    match = _MARKED.match(body)
    return match[1] if match else None


def render(report: Report, *, now: float, page: str = "") -> str:
    """A run's report, without marker. At most 60,000 characters. `page`: the address of its workspace's page.

    Claude's texts ping nobody and can't take in what stands after them.
    """
    return _rendered(report, now, 1, page)


def notice(text: str) -> str:
    """A short answer in markdown."""
    return _fitted(text, NOTICE_LENGTH) or NOTHING


def check(report: Report, *, now: float, log: str = "") -> Check:
    """What a check run shows. `log` is how the run's output ends, of any length."""
    state = report.state
    status = "completed" if state.ended else "queued" if state is RunState.QUEUED else "in_progress"
    name = wording.STATES[state]
    task = first_line(printable(report.task), TITLE_LENGTH - len(name) - 2)
    return Check(
        status=status,
        conclusion=CONCLUSIONS.get(state),
        title=f"{name}: {task}" if task else name,
        summary=_summary(report, now),
        text=_code(log, CHECK_BYTES - 100, _bytes),
    )


def _summary(report: Report, now: float) -> str:
    summary = _rendered(report, now, 1)
    return summary if _bytes(summary) <= CHECK_BYTES else _rendered(report, now, 4)


def _rendered(report: Report, now: float, share: int, page: str = "") -> str:
    """The report with every text cut to a `share`th of its length."""
    parts = [_header(report, now), _fitted(report.note, NOTE_LENGTH // share)]
    parts.append(checklist := _checklist(report, share))
    parts += _ended(report, now, share, page) if report.state.ended else _going_on(report, share, page)
    shown = [part for part in parts if part]
    if checklist:
        after = shown.index(checklist) + 1
        if shown[after][0] == "-":
            shown.insert(after, _SEPARATOR)
    return "\n\n".join(shown)


def _header(report: Report, now: float) -> str:
    parts = [f"**{wording.STATES[report.state]}**"]
    if not report.state.ended and report.state is not RunState.QUEUED:
        parts.append(wording.minutes(report.elapsed(now)))  # seconds would change with every edit
    where = _name(report.repository)
    if branch := _name(report.branch):
        linked = ON_BRANCH.format(branch=_link(report.branch_url, branch))
        where = f"{where} {linked}" if where else linked
    return " · ".join(part for part in (*parts, where) if part)


def _going_on(report: Report, share: int, page: str) -> list[str]:
    link = _door(page, CONTINUE)
    return [
        _fitted(report.words, WORDS_LENGTH // share),
        _line(report.activity, ACTIVITY_LENGTH // share),
        f"<sub>{STOP_OR_CONTINUE.format(link=link) if link else STOP}</sub>",
    ]


def _ended(report: Report, now: float, share: int, page: str) -> list[str]:
    parts: list[str] = []
    if report.problem is not None:
        parts += _problem(report.problem, share)
    elif report.state is RunState.UNCHANGED:
        parts.append(wording.UNCHANGED)
    if report.problem is None or report.state is RunState.STOPPED:
        length = (RESULT_LENGTH if report.problem is None else RESULT_LENGTH_BESIDE_PROBLEM) // share
        parts.append(_fitted(report.result, length) or _fitted(report.words, length))
    if report.pull_request is not None:
        parts.append(_pull_request(report.pull_request))
    footer = (wording.figures(report, now), _door(page, CONTINUE.capitalize()))
    return [*parts, " · ".join(part for part in footer if part)]


def _door(page: str, label: str) -> str:
    """The link to a workspace's page; "" where there is none. Following it starts nothing: the page asks first."""
    link = _link(page, label)
    return link if link != label else ""


def _pull_request(pull_request: PullRequest) -> str:
    link = _link(pull_request.url, f"#{pull_request.number}")
    return PULL_REQUEST.format(link=link) + (f" ({wording.UPDATED})" if pull_request.reused else "")


def _problem(problem: Problem, share: int) -> list[str]:
    what = _line(" ".join(problem.what.split()), PROBLEM_LENGTH // share)
    parts = [_bold(what), _fitted(problem.todo, PROBLEM_LENGTH // share)]
    if output := _code(problem.output, OUTPUT_LENGTH // share, len):
        parts += (f"<details>\n<summary>{OUTPUT}</summary>", output, "</details>")
    return parts


def _checklist(report: Report, share: int) -> str:
    """One line for each step; of many, the first done and the last to do are only counted."""
    todos = report.todos
    done = [index for index, todo in enumerate(todos) if todo.status is TodoStatus.COMPLETED]
    if report.state.ended and report.problem is None and len(done) == len(todos) > 1:
        return f"- [x] {wording.ALL_DONE.format(steps=wording.count(len(todos), 'step'))}"
    folded = frozenset(done[: max(0, len(todos) - TODOS_SHOWN)])
    lines = [f"- [x] _{DONE_BEFORE.format(steps=wording.count(len(folded), 'step'))}_"] if folded else []
    shown = [todo for index, todo in enumerate(todos) if index not in folded]
    lines += [_step(todo, share) for todo in shown[:TODOS_SHOWN]]
    if len(shown) > TODOS_SHOWN:
        lines.append(f"- [ ] _{MORE.format(steps=wording.count(len(shown) - TODOS_SHOWN, 'step'))}_")
    return "\n".join(lines)


def _step(todo: Todo, share: int) -> str:
    text = _line(todo.text, TODO_LENGTH // share) or "…"
    mark = "x" if todo.status is TodoStatus.COMPLETED else " "
    return f"- [{mark}] {_bold(text) if todo.status is TodoStatus.IN_PROGRESS else text}"


def _bold(line: str) -> str:
    """A line in bold, where that doesn't depend on what is in it."""
    return line if not line or "*" in line or line.endswith("\\") else f"**{line}**"


def _fitted(text: str, limit: int) -> str:
    """Somebody's markdown, calm, in at most `limit` characters."""
    return _calm(printable(text[: 4 * limit]).strip(), limit, truncate)


def _line(text: str, limit: int) -> str:
    """The first line of somebody's words, calm, in at most `limit` characters."""
    return _calm(printable(text[:4_000]), limit, first_line)


def _calm(text: str, limit: int, cut: Callable[[str, int], str]) -> str:
    room = limit
    while len(shown := calm(cut(text, room))) > limit:  # escaped, it may be longer
        room = max(SHORTEST, room * limit // len(shown) - 1)
    return shown


def _code(output: str, limit: int, size: Callable[[str], int]) -> str:
    """The end of an output, from the beginning of a line where there is one, in a fence that holds it."""
    output = _TICKS.sub(lambda match: match[0][:LONGEST_TICKS], printable(output).strip("\n"))
    if not output.strip():
        return ""
    tail = output[-limit:]
    while (excess := size(tail) - limit) > 0:
        tail = tail[max(1, excess // 4) :]  # four bytes are the most that a character takes
    if len(tail) < len(output):
        line = tail.find("\n", 0, len(tail) // 2)
        tail = f"…{tail[line:] if line >= 0 else tail}"
    longest = max((len(run) for run in _TICKS.findall(tail)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{tail}\n{fence}"


def _name(name: str) -> str:
    """A name as code; "" where there is none."""
    shown = first_line(printable(name), NAME_LENGTH).replace("`", "'")
    return f"`{shown}`" if shown else ""


def _link(address: str, label: str) -> str:
    """A link; only its label where the address is none."""
    if len(address) > ADDRESS_LENGTH or not _ADDRESS.fullmatch(address):
        return label
    return f"[{label}]({address.replace('(', '%28').replace(')', '%29')})"


def _bytes(text: str) -> int:
    return len(text.encode("utf-8"))
