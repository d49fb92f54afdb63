"""What Heddle says, in words that every platform shows alike. Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from bot.markdown import first_line
from orchestrator.report import Diffstat, Report, RunState
from orchestrator.workspaces import Run

SLACK_HELP = """\
**Tell me what to do and I'll do it in a repository.** I work in a container of my own, on a branch of my own, \
and come back with a pull request.

- `@heddle fix the flaky login test` starts a run
- `repo:owner/name` or a GitHub address in the message says where; `branch:name` says from which branch
- `use owner/name` sets the repository of this channel, for messages that name none
- a reply in the thread goes to the run that is working, or starts the next one on the same branch
- `status` tells what is going on here; `stop` ends the run and keeps its work; `workspace` gives its address
- `link owner/name#12` shares work and reports with an issue or a pull request (its address in a task does so, \
too); `unlink` ends that
- `link account` tells me anew who you are on GitHub, where that is asked for
- `help` shows this text"""
GITHUB_HELP = """\
**Tell me what to do and I'll do it in this repository.** I work in a container of my own: for an issue on a new \
branch with a pull request, for a pull request on its own branch.

- `/claude fix the flaky login test` starts a run; `@{name} …` does as well
- while a run works, the next `/claude …` reaches it; afterwards it goes on where the last one stopped
- a review whose text or comments say `/claude` is worked on as a whole
- `/claude status` tells what is going on here; `/claude stop` ends the run and keeps its work; \
`/claude workspace` gives its address
- `/claude link owner/name#12` shares work and reports with another issue or pull request; `/claude unlink` ends that
- `/claude help` shows this text

Only people who may write to the repository can tell me what to do."""
EMPTY_TASK = "What should I do? Give me a task, for example `fix the failing test`, or say `help`."
REPOSITORY_NOTED = "OK, this thread is about `{repository}`. What should I do there?"
CHANNEL_USES = "OK, tasks in this channel go to `{repository}` unless they name another repository."
ONE_REPOSITORY = "Here I always work in this repository."
NOT_ALLOWED = (
    "I only work for people who may write to `{repository}`. Somebody who may can ask me for the same; "
    "an admin of the repository can give you the right."
)
NO_ACCOUNTS = "Nobody needs to link an account here."
OTHER_ACCOUNT = " If you are somebody else on GitHub, say `link account`."
LINK_FIRST = (
    "Who are you on GitHub? I only work for people who may write to a repository. I have sent you a message that "
    "only you can see: with it you link your account, and I go on with what you asked."
)
FORGE_REFUSED = (
    "GitHub refused: {error}. Nothing was started. Ask an admin to check Heddle's access, then try again."
)
NO_SUBJECT = "I can't find `{subject}`, or I'm not allowed to read it. Check the address, then try again."
LINKED = "Linked with `{subject}`: both share their work from now on, and reports show in both. `unlink` ends that."
UNLINKED = "No longer linked: what is asked here from now on stays here."
NOT_LINKED = "This conversation isn't linked with `{subject}`."
NOTHING_LINKED = "This conversation isn't linked with another one."
NO_WORKSPACE = "There is no workspace here yet: give me a task first."
WORKSPACE = "The workspace is at {url} (`{repository}`, branch `{branch}`)."
NOTHING_TO_STOP = "Nothing is running here."
UNEXPECTED = (
    "Something went wrong inside Heddle ({error}), so I did nothing with that message. Try again; if it happens "
    "twice, an admin finds the details in Heddle's log under message {id}."
)
NOTHING_HERE = "Nothing has run here yet."

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

UNCHANGED = "Claude changed nothing, so there is no pull request."
ALL_DONE = "All {steps} done"
UPDATED = "updated"  # a pull request that was there before


def duration(seconds: float) -> str:
    """`42 s`, `1 min 5 s`, `2 h 3 min`."""
    whole = int(seconds) if 0 < seconds < 1e10 else 0
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def minutes(seconds: float) -> str:
    """`3 min`, `2 h 3 min`, "" within the first minute: for what should not change with every look."""
    return duration(seconds - seconds % 60).removesuffix(" 0 s") if 60 <= seconds < 1e10 else ""


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
    if report.cost_usd is not None and 0 <= report.cost_usd < 1e9:
        parts.append(f"${report.cost_usd:,.2f}")
    return " · ".join(parts)


def status(here: Sequence[Run], live: Sequence[Run]) -> str:
    """What runs in a conversation, and how many elsewhere. `here` is newest first."""
    listed = "\n".join(map(_line, here)) or NOTHING_HERE
    mine = {run.id for run in here}
    elsewhere = len([run for run in live if run.id not in mine])
    return f"{listed}\n\n{count(elsewhere, 'other run')} in other conversations." if elsewhere else listed


def _line(run: Run) -> str:
    state = STATES[run.state]
    report = run.report
    if report is not None and report.pull_request is not None:
        state += f": [#{report.pull_request.number}]({report.pull_request.url})"
    shown = first_line(run.task, 80)
    return f"- {state} · `{run.workspace.repository}` · {shown.replace('`', chr(39))}"
