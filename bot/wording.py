"""What Heddle says, in words that every platform shows alike. Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.report import Diffstat, Report, RunState
from orchestrator.workspaces import Run

HELP = """\
*Tell me what to do and I'll do it in a repository.* I work in a container of my own, on a branch of my own, \
and come back with a pull request.

• `@heddle fix the flaky login test` – starts a run
• `repo:owner/name` or a GitHub address in the message – says where; `branch:name` – from which branch
• `use owner/name` – the repository of this channel, where a message names none
• a reply in the thread – goes to the run that is working, or starts the next one on the same branch
• `status` – what is going on here; `stop` – ends the run and keeps its work; `help` – this text"""
EMPTY_TASK = (
    "What should I do? Mention me with a task, for example `@heddle fix the failing test in acme/widgets`, "
    "or say `help`."
)
REPOSITORY_NOTED = "OK, this thread is about `{repository}`. What should I do there?"
CHANNEL_USES = "OK, tasks in this channel go to `{repository}` unless they name another repository."
NOTHING_TO_STOP = "Nothing is running in this thread."
UNEXPECTED = (
    "Something went wrong inside Heddle ({error}), so I did nothing with that message. Try again; if it happens "
    "twice, an admin finds the details in Heddle's log under message {id}."
)
NOTHING_HERE = "Nothing has run in this thread yet."

STATES = {
    RunState.QUEUED: "Queued",
    RunState.STARTING: "Starting",
    RunState.WORKING: "Working",
    RunState.FINISHING: "Finishing",
    RunState.SUCCEEDED: "Done",
    RunState.UNCHANGED: "Done, nothing to change",
    RunState.FAILED: "Failed",
    RunState.STOPPED: "Stopped",
}


def duration(seconds: float) -> str:
    """`42 s`, `1 min 5 s`, `2 h 3 min`."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def count(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def diffstat(difference: Diffstat) -> str:
    """`+12 −3 in 4 files · 2 commits`."""
    lines = f"+{difference.insertions:,} −{difference.deletions:,}"
    return f"{lines} in {count(difference.files, 'file')} · {count(difference.commits, 'commit')}"


def figures(report: Report, now: float) -> str:
    """What a run took and brought, on one line."""
    parts = []
    if report.diffstat is not None and report.diffstat.commits:
        parts.append(diffstat(report.diffstat))
    parts.append(duration(report.elapsed(now)))
    if report.turns is not None:
        parts.append(count(report.turns, "turn"))
    if report.cost_usd is not None:
        parts.append(f"${report.cost_usd:,.2f}")
    return " · ".join(parts)


def status(here: Sequence[Run], live: Sequence[Run]) -> str:
    """What runs in a conversation, and how many elsewhere. `here` is newest first."""
    lines = [_line(run) for run in here] or [NOTHING_HERE]
    elsewhere = len([run for run in live if run.id not in {mine.id for mine in here}])
    if elsewhere:
        lines.append(f"{count(elsewhere, 'other run')} in other conversations.")
    return "\n".join(lines)


def _line(run: Run) -> str:
    state = STATES[run.state]
    report = run.report
    if report is not None and report.pull_request is not None:
        state += f": [#{report.pull_request.number}]({report.pull_request.url})"
    task = " ".join(run.task.split())
    shown = task if len(task) <= 80 else f"{task[:79]}…"
    return f"• {state} · `{run.workspace.repository}` · {shown.replace('`', chr(39))}"
