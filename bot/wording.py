"""What Heddle says, in words that every platform shows alike. Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.markdown import first_line
from bot.printable import printable
from orchestrator.report import Diffstat, Report, RunState
from orchestrator.workspaces import Run

SLACK_HELP = """\
**Tell me what to do and I'll do it in a repository.** I work in a container of my own, on a branch of my own, \
and come back with a pull request.

- `@heddle fix the flaky login test` starts a run
- `repo:owner/name` or a GitHub address in the message says where; `branch:name` says from which branch
- `use owner/name` sets the repository of this channel, for messages that name none
- a reply in the thread goes to the run that is working, or starts the next one on the same branch
- `workspace` opens one for you: Claude Code and shells in your browser. `close` closes it, \
`continue headless: …` hands it to me with a task, and `continue interactively` takes over where I work
- `status` tells what is going on here; `stop` ends the run and keeps its work
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
- `/claude workspace` opens one for you: Claude Code and shells in your browser. `/claude close` closes it, \
`/claude continue headless: …` hands it to me with a task, and `/claude continue interactively` takes over where I work
- `/claude status` tells what is going on here; `/claude stop` ends the run and keeps its work
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
NO_WORKSPACE = "Nothing to continue: there is no workspace here yet. `{call}workspace` opens one, a task starts a run in one."
WORKSPACE = (
    "The workspace is at {url} (`{repository}`, branch `{branch}`): Claude Code and shells in your browser. "
    "`{call}close` closes it, `{call}continue headless: <task>` hands it to me."
)
ALREADY_OPEN = " {opener} opened it {ago} ago."
RUN_STOPS = " The run that is at work there is stopped first, and its work is saved."
PRESS = " Press **{label}** to go in: I send you a link that only you can see, good once and for ten minutes."
ENTRY = (
    "[Open the workspace]({address}) (`{repository}`, branch `{branch}`): the link is for you alone, good once and for "
    "ten minutes."
)
ENTER = "Open the workspace: {address} (`{repository}`, branch `{branch}`)."
NEEDS_SIGN_IN = (
    "I can't open a workspace from here: nobody can sign in to its page. An admin of Heddle has to set "
    "`GITHUB_CLIENT_ID` and `GITHUB_CLIENT_SECRET`, the GitHub App's own."
)
TOO_MANY = (
    "Too many workspaces are open at the moment, so I can't open one more. Close one that nobody needs, or ask whoever "
    "runs Heddle."
)
HELD_BY_RUN = (
    "Claude has been at work on its own in this workspace for {ago}: `{task}`.{report} Say "
    "`{call}continue interactively` to stop that run, keep its work and go on in a terminal."
)
ITS_REPORT = " How far it is says [its report]({link})."
HELD_BY_OPENING = (
    "{opener} has had the workspace open for {ago}: {url} (`{repository}`, branch `{branch}`). I can't work there at "
    "the same time. Say `{call}continue headless: <task>` to hand it over to me with a task, or `{call}close` to close "
    "it first."
)
BEING_CLOSED = "The workspace of `{repository}` is just being closed. Say it again when the summary is here."
ENGINE_AWAY = (
    "Docker doesn't answer, so I can't take the workspace over. Try again in a minute; if it stays so, tell whoever runs "
    "Heddle."
)
NOTHING_OPEN = "No workspace is open here."
CLOSING = "Closing the workspace of `{repository}` (branch `{branch}`)…"
NOT_THAT_ONE = (
    "That workspace has been closed or opened anew since. Say `{call}close` for the one that is open now."
)
NOT_STARTED = "**The workspace of `{repository}` could not start:** {what}\n\n{todo}"
NOT_LOOKED = "**The workspace of `{repository}` could not be opened to be cleaned up, so it is kept:** {what}\n\n{todo}"
LOOKED_AGAIN = "I try again by myself. To go in, say `{call}workspace`, or open {url}"
NOT_RECOVERED = (
    "**The workspace of `{repository}` (branch `{branch}`) does not come up again:** {reason}\n\n"
    "{attempts} have failed. I go on trying, with longer pauses: the next time {when}. Its volume is kept, with "
    "everything in it. You can look for yourself at {url}, say `{call}close rescue` to push what is not on GitHub to a "
    "ref of its own and close it, `{call}close discard` to give that up, or `{call}continue headless: <task>` to let "
    "me go on there alone."
)
RIGHT_AWAY = "right away"
IN_A_WHILE = "in {time}"
RESTORED = "**The workspace of `{repository}` (branch `{branch}`) had lost its volume and is made anew:** {what} It is at {url}"
RESTORED_ALL = (
    "with the branch as it is on GitHub, and with the work that was saved {ago} ago, committed or not. What came after "
    "that is lost."
)
RESTORED_BRANCH = (
    "with the branch as it is on GitHub. Nothing else of it had been saved: what was not pushed is lost."
)
NO_REASON = "it is not known why"
TRY_AGAIN = "Try again with `{call}workspace`, or at {url}"
OPEN_NOW = "- Open: [workspace]({url}) · `{repository}` · branch `{branch}` · {opener}, {ago} ago{state}"
NOT_OPEN_NOW = "- Workspace: `{repository}` · branch `{branch}`{state}"
IN_STATE = " · {state} since {ago}: {reason}"
NOTHING_TO_STOP = "Nothing is running here."
DOUBTFUL = (
    "I was returned to a backup from just after the last message that I know here, and can't tell for sure whether I "
    "have done what it asks for. If not, say it again."
)
UNEXPECTED = (
    "Something went wrong inside Heddle ({error}), so I did nothing with that message. Try again; if it happens "
    "twice, an admin finds the details in Heddle's log under message {id}."
)
NOTHING_HERE = "Nothing has run here yet."

CONTINUE_LABEL = "Continue interactively"
CONTINUE_ASKS = (
    "The run is stopped and its work is saved. Then you go on in a terminal, in the same workspace."
)
ENTER_LABEL = "Open workspace"
RESCUE_LABEL = "Rescue and close"
DISCARD_LABEL = "Discard and close"
DISCARD_ASKS = (
    "Everything in the workspace that is not on GitHub is lost for good, also what was made since this list."
)

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
NAME_LENGTH = 60

_FORMATS = re.compile(r"[\[\]<>*`|\\~#]|https?://")


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


def ago(seconds: float) -> str:
    """How long something has been going on, roughly."""
    return minutes(seconds) or "a moment"


def person(name: str) -> str:
    """Somebody's name, which formats nothing and links nowhere."""
    return _FORMATS.sub("", first_line(printable(name), NAME_LENGTH)).strip() or "Somebody"


def status(here: Sequence[Run], live: Sequence[Run], opened: Sequence[str] = ()) -> str:
    """What is open and runs in a conversation, and how many runs elsewhere. `here` is newest first.

    opened: a line for each workspace that is open.
    """
    listed = "\n".join([*opened, *map(_line, here)]) or NOTHING_HERE
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
