"""What closing a workspace would lose, and what an interactive time has brought, in words. Markdown. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot import wording
from bot.markdown import first_line
from bot.printable import printable
from orchestrator.gateway.door import Door
from orchestrator.interactive.opening import Loose, Opening, Summary, Work
from orchestrator.report import Diffstat
from orchestrator.workspaces import Workspace

PATHS_SHOWN = 10
PLACES_SHOWN = 8
SUBJECTS_SHOWN = 3
COMMITS_SHOWN = 20
PATH_LENGTH = 100
SUBJECT_LENGTH = 80
PLACE_LENGTH = 80
REF_LENGTH = 200
REASON_LENGTH = 300

WOULD_LOSE = (
    "Closing the workspace of `{repository}` (branch `{branch}`) would lose work that is nowhere else:"
)
CANT_SAY = (
    "Git can't say whether everything in the workspace of `{repository}` (branch `{branch}`) is on GitHub, so "
    "closing it could lose work{reason}."
)
WAYS = (
    "Say `{call}close rescue` to push everything to a ref of its own and close, `{call}close discard` to close and "
    "lose it, or finish in the workspace: {url}"
)
GO_IN = "Open it with `{call}workspace`, or at {url}, and finish there or close it."
KEPT = "The workspace was not closed: there is new work in it."
NOT_CLEANED = "The workspace could not be cleaned up after the end of its conversation, so it is kept."
UNCOMMITTED = "- {files} with changes that are in no commit: {paths}"
LOOSE = "- {commits} on `{where}`: {subjects}"
MORE = " and {number:,} more"
MORE_PLACES = "- and {places} more"

CLOSED = "**The workspace is closed** (`{repository}`, branch `{branch}`, opened by {opener})."
CLEANED = "**The workspace is cleaned up** (`{repository}`, branch `{branch}`): its conversation has ended."
NOTHING_LOST = "Everything in it is on GitHub."
NO_COMMITS = "No commits were made in it."
COMMITS = "{commits} since it was opened, {size}:"
DISCARDED = "Work in it that was nowhere else was discarded, as asked."
RESCUED = (
    "Work that was nowhere else is at `{ref}`. To get it back: `git fetch origin {ref}`, "
    "then `git switch -c rescued FETCH_HEAD`. It is kept for {time}."
)
CLEANING = "{why}, so the workspace of `{repository}` (branch `{branch}`) is going to be cleaned up."
MERGED = "The pull request is merged"
ENDED = "This conversation has ended"
HOLDS = "It holds work that is nowhere else, which is pushed to `{ref}` first and kept there for {time}:"
MAY_HOLD = "What is in it and not on GitHub is pushed to `{ref}` first and kept there for {time}."


def lost(opening: Opening, work: Work, *, call: str, url: str, kept: bool = False) -> str:
    """What closing would lose and what can be done. `kept`: closing had begun already and was stopped."""
    place = {"repository": opening.workspace.repository, "branch": opening.workspace.branch}
    said = _code(" ".join(work.reason.split()), REASON_LENGTH)
    reason = f" (`{said}`)" if said else ""
    lines = [NOT_CLEANED if opening.quiet else KEPT, ""] if kept else []
    lines.append(WOULD_LOSE.format(**place) if work.answered else CANT_SAY.format(**place, reason=reason))
    if found := _found(work):
        lines += ["", *found]
    ways = GO_IN if opening.quiet else WAYS
    return "\n".join([*lines, "", ways.format(call=call, url=url)])


def going(workspace: Workspace, work: Work, *, merged: bool, days: int) -> str:
    """What is told before a workspace is cleaned up. work: what the remote lacks.

    merged: why it is. days: how long rescue refs are kept.
    """
    place = {"repository": workspace.repository, "branch": workspace.branch}
    title = CLEANING.format(why=MERGED if merged else ENDED, **place)
    door = Door(workspace.id, workspace.repository, workspace.branch)
    where = {"ref": door.rescue_ref, "time": wording.count(days, "day")}
    if not (found := _found(work)):
        return f"{title} {MAY_HOLD.format(**where)}"
    return "\n".join([f"{title} {HOLDS.format(**where)}", "", *found])


def brought(opening: Opening, summary: Summary, *, days: int) -> str:
    """What is told of a workspace that is closed. days: how long rescue refs are kept."""
    workspace = opening.workspace
    place = {"repository": workspace.repository, "branch": workspace.branch}
    title = CLEANED if opening.quiet else CLOSED
    parts = [title.format(opener=wording.person(opening.opener), **place)]
    count = len(summary.commits) + summary.more
    if count:
        difference = Diffstat(count, summary.files, summary.insertions, summary.deletions)
        size = wording.diffstat(difference).partition(" · ")[0]
        commits = [f"- {_commit(line)}" for line in summary.commits[:COMMITS_SHOWN]]
        if count > len(commits):
            commits.append(f"- and {wording.count(count - len(commits), 'commit')} more")
        listed = "\n".join(commits)
        parts.append(f"{COMMITS.format(commits=wording.count(count, 'commit'), size=size)}\n\n{listed}")
    elif not opening.quiet:
        parts.append(NO_COMMITS)
    elif not summary.rescue_ref:
        parts.append(NOTHING_LOST)
    if summary.discarded:
        parts.append(DISCARDED)
    if ref := _code(summary.rescue_ref, REF_LENGTH):
        parts.append(RESCUED.format(ref=ref, time=wording.count(days, "day")))
    return "\n\n".join(parts)


def _found(work: Work) -> list[str]:
    """One line for the files, one for each place with commits."""
    lines = []
    if files := len(work.uncommitted) + work.more:
        shown = [f"`{_code(path, PATH_LENGTH) or '?'}`" for path in work.uncommitted[:PATHS_SHOWN]]
        more = MORE.format(number=files - len(shown)) if files > len(shown) else ""
        lines.append(
            UNCOMMITTED.format(files=wording.count(files, "file"), paths=f"{', '.join(shown)}{more}")
        )
    lines += map(_place, work.loose[:PLACES_SHOWN])
    if len(work.loose) > PLACES_SHOWN:
        lines.append(MORE_PLACES.format(places=wording.count(len(work.loose) - PLACES_SHOWN, "place")))
    return lines


def _place(loose: Loose) -> str:
    shown = _subjects(loose.subjects)
    more = MORE.format(number=loose.commits - len(shown)) if loose.commits > len(shown) else ""
    line = LOOSE.format(
        commits=wording.count(loose.commits, "commit"),
        where=_code(loose.where, PLACE_LENGTH) or "?",
        subjects=f"{', '.join(shown)}{more}",
    )
    return line if shown else line.rpartition(":")[0]


def _subjects(subjects: Sequence[str]) -> list[str]:
    return [f"`{_code(subject, SUBJECT_LENGTH) or '?'}`" for subject in subjects[:SUBJECTS_SHOWN]]


def _commit(line: str) -> str:
    """`1a2b3c4 Subject`, the subject as code: whatever is in it formats nothing."""
    sha, _, subject = line.partition(" ")
    return f"`{_code(sha, 40) or '?'}` `{_code(subject, SUBJECT_LENGTH) or '?'}`"


def _code(text: str, limit: int) -> str:
    """A text for between two backticks, on one line."""
    return first_line(printable(text).replace("`", "'"), limit).strip()
