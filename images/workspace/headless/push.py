"""The branch's way to the remote."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from enum import StrEnum

from .git import Git
from .processes import Outcome
from .run import Run

PATIENCE = 300.0  # seconds for which a remote may be out of reach: Heddle may be restarting
ATTEMPT_LIMIT = 300.0  # seconds for one push
# The file with the commit of others' that the work is put on top of: HEAD was there because of that alone.
ONTO = "onto"
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 20.0  # seconds


class Pushed(StrEnum):
    """What became of a push."""

    DONE = "done"
    BEHIND = "behind"  # the remote branch has commits that are missing here
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Result:
    pushed: Pushed
    output: str = ""


_BEHIND = re.compile(r"\[rejected\].*\((non-fast-forward|fetch first|stale info|needs force)\)")
# The gateway passes on with which status a code host refused that may have just restarted.
_BUSY = re.compile(
    r"\[remote rejected\].*\((internal|failed to update ref|cannot lock ref|unpacker error)"
    r"|Heddle: \S+ answered with status (429|5\d\d)"
)
_DENIED = re.compile(
    r"\[(remote )?rejected\]|returned error: 4\d\d|Authentication failed|access denied", re.IGNORECASE
)


def judge(code: int, output: str) -> Pushed:
    """What git's answer means. What it does not recognise may pass: it counts as out of reach and is tried again."""
    if code == 0:
        return Pushed.DONE
    if _BEHIND.search(output):
        return Pushed.BEHIND
    if _BUSY.search(output):
        return Pushed.UNREACHABLE
    return Pushed.REFUSED if _DENIED.search(output) else Pushed.UNREACHABLE


async def push(git: Git, run: Run, patience: float = PATIENCE) -> Result:
    """Pushes HEAD to the run's branch; where others pushed meanwhile, puts the work on top of theirs, once."""
    first = await _patiently(git, patience, "push", "--no-verify", "origin", f"HEAD:refs/heads/{run.branch}")
    if first.pushed is not Pushed.BEHIND:
        return first
    fetched = await _patiently(git, patience, "fetch", "origin", f"refs/heads/{run.branch}")
    if fetched.pushed is not Pushed.DONE:
        return fetched
    theirs = await git.ask("rev-parse", "FETCH_HEAD")
    onto = run.folder / ONTO
    known = onto.read_text() if onto.exists() else ""
    if theirs != known and theirs in (await git.ask("rev-list", "--walk-reflogs", "HEAD")).split():
        # HEAD was there: Claude has rewritten the branch on purpose, and nobody else's commit is lost.
        lease = f"--force-with-lease=refs/heads/{run.branch}:{theirs}"
        return await _patiently(
            git, patience, "push", "--no-verify", lease, "origin", f"HEAD:refs/heads/{run.branch}"
        )
    onto.write_text(theirs)
    rebased = await git.run("rebase", "--quiet", "--rebase-merges", theirs)
    if not rebased.ok:
        await git.run("rebase", "--abort")
        return Result(Pushed.CONFLICT, rebased.output)
    second = await _patiently(git, patience, "push", "--no-verify", "origin", f"HEAD:refs/heads/{run.branch}")
    return Result(Pushed.REFUSED, second.output) if second.pushed is Pushed.BEHIND else second


async def undo_rebase(git: Git) -> None:
    """Where a push was broken off while it put the work on top of others': the work as it was saved before."""
    folder = await git.directory()
    if (folder / "rebase-merge").is_dir() or (folder / "rebase-apply").is_dir():
        await git.unlock()
        await git.run("rebase", "--abort")


async def _patiently(git: Git, patience: float, *arguments: str) -> Result:
    deadline = time.monotonic() + patience
    pause = FIRST_PAUSE
    while True:
        outcome: Outcome = await git.run(*arguments, limit=ATTEMPT_LIMIT)
        pushed = judge(outcome.code, outcome.output)
        if pushed is not Pushed.UNREACHABLE or time.monotonic() + pause > deadline:
            return Result(pushed, outcome.output)
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
