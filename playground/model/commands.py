"""What the demo's model does for the workspace's slash commands, `/commit-changes` and `/ai-merge-back`.

Each reaches the model as the text of the command's file. Like the jobs, these are generators that return a summary.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from playground.model.jobs import REPAIR, TESTS, Work, bash, names, progress, quoted, verdict
from playground.model.plan import Outcome, Turn

COMMITTING = re.compile(r"commit the changes in this repository|^\s*/commit-changes\b", re.IGNORECASE)
MERGING = re.compile(r"\bheddle-pull-request\b|^\s*/ai-merge-back\b", re.IGNORECASE)

LOOK = "git -c core.quotePath=false status --short --branch --untracked-files=all"
PUSH = "git push origin HEAD"
PULL_REQUEST = "heddle-pull-request"

_BASE = re.compile(r"\bgit merge origin/([^\s`'\"]+)")
_BRANCH = re.compile(r"^## (?:No commits yet on )?(?P<branch>\S+?)(?:\.\.\.|\s|$)", re.MULTILINE)
_ADDRESS = re.compile(r"https?://\S+")
_UNWANTED = re.compile(
    r"(?:^|/)(?:__pycache__|node_modules|\.venv|\.idea|\.vscode|dist|build)/"
    r"|\.(?:pyc|log|tmp|swp|orig|pem|key)$|~$|(?:^|/)(?:\.env(?:\..*)?|\.DS_Store|id_rsa|credentials)$"
)
_DOCUMENT = re.compile(r"^docs/|\.(?:md|rst|txt)$")
_TEST = re.compile(r"^tests?/")
# Entries that two sides have appended to the same list: both stay.
_LISTS = frozenset({"NOTES.md"})
_UNMARK = "sed -i -e '/^<<<<<<< /d' -e '/^=======$/d' -e '/^>>>>>>> /d'"


@dataclass(frozen=True, slots=True)
class Change:
    """A file that differs from the newest commit. sign: git's letter for how."""

    sign: str
    path: str


@dataclass(frozen=True, slots=True)
class Committed:
    """What became of the changes. subjects: of the commits. problem: why there is no further one, or ""."""

    branch: str
    subjects: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    problem: str = ""

    @property
    def told(self) -> str:
        if self.problem:
            return f"The commit failed, the changes are still there:\n\n{quoted(self.problem)}"
        lines = [f"- {subject}" for subject in self.subjects] or ["There was nothing to commit."]
        if self.left_out:
            lines += ["", f"Left out, because it does not belong into a repository: {names(self.left_out)}."]
        return "\n".join(lines)


def commit_changes(prompt: str) -> Work:
    entries = ("Look at what changed", "Commit it", "Push the branch")
    committed = yield from _commit(entries)
    if committed.problem:
        return committed.told
    pushed = yield from _push(entries, len(entries) - 1, committed.branch)
    yield Turn(calls=(bash(LOOK, "See that all is pushed"),), todos=progress(entries, len(entries)))
    return f"## Committed\n\n{committed.told}\n\n{pushed.told}"


def merge_back(prompt: str) -> Work:
    entries = (
        "Commit what is there",
        "Merge the base branch",
        "Run the tests",
        "Push the branch",
        "Open the pull request",
    )
    base = found[1] if (found := _BASE.search(prompt)) else "main"
    committed = yield from _commit(entries, last=0)
    if committed.problem:
        return committed.told
    before = yield Turn(
        "I run the tests once before the merge, to know later what it changed.",
        (bash(TESTS, "Run the tests before the merge"),),
        progress(entries, 1),
    )
    merged = yield from _merge(base, entries)
    if not merged.ok:
        return f"{committed.told}\n\n{merged.told}"
    after = yield Turn(calls=(bash(TESTS, "Run the tests after the merge"),), todos=progress(entries, 2))
    if before.ok and not after.ok:
        return (
            f"## The merge of `{base}` needs another look\n\n{merged.told}\n\n{verdict(before, after)}\n\n"
            "I did not push it and opened no pull request."
        )
    pushed = yield from _push(entries, 3, committed.branch)
    if not pushed.ok:
        return f"## Not pushed\n\n{merged.told}\n\n{pushed.told}"
    opened = yield Turn(
        calls=(bash(PULL_REQUEST, "Open the pull request"),), todos=progress(entries, len(entries) - 1)
    )
    address = _ADDRESS.search(opened.output)
    yield Turn(
        calls=(bash("git log --oneline -5", "Show the latest commits"),),
        todos=progress(entries, len(entries)),
    )
    told = f"{committed.told}\n\n{merged.told}\n\n{verdict(before, after)}"
    if not opened.ok or address is None:
        return f"## Pushed, but without a pull request\n\n{told}\n\n{quoted(opened.output)}"
    return f"## Ready to be merged: {address[0]}\n\n{told}\n\nI leave the merging of the pull request to you."


@dataclass(frozen=True, slots=True)
class Attempt:
    """How a push or a merge went, and what to say of it."""

    ok: bool
    told: str


def changes(status: str) -> tuple[Change, ...]:
    """The changed files in the output of LOOK. A name that can't be read is left out, as git quotes it."""
    found = []
    for line in status.splitlines():
        sign, path = line[:2].strip(), line[3:]
        if line.startswith("##") or not path:
            continue
        path = path.rpartition(" -> ")[2]
        if path.startswith('"'):
            try:
                path = str(json.loads(path))
            except ValueError:
                continue
        found.append(Change("A" if sign == "??" else sign[-1], path))
    return tuple(found)


def groups(found: Sequence[Change]) -> tuple[tuple[Change, ...], ...]:
    """One for each commit: the code with its tests and whatever documents it, or documents alone."""
    code = [change for change in found if not _DOCUMENT.search(change.path)]
    documents = [change for change in found if _DOCUMENT.search(change.path)]
    notes = [change for change in documents if change.path in _LISTS]
    about = [change for change in documents if change.path not in _LISTS]
    return tuple(tuple(group) for group in (code + about if code else about, notes) if group)


def subject(group: Sequence[Change], difference: str) -> str:
    """What a commit of these files says, in the imperative."""
    if f"+{REPAIR.rstrip()}" in difference and any(change.path == "tally/words.py" for change in group):
        return "Put words with equal counts in alphabetical order"
    if all(change.path in _LISTS for change in group):
        return "Note what was asked for"
    telling = [change for change in group if not _TEST.search(change.path)] or list(group)
    verbs = {change.sign for change in telling}
    verb = {"A": "Add", "D": "Remove"}.get(verbs.pop(), "Change") if len(verbs) == 1 else "Change"
    shown = [change.path for change in telling]
    if len(shown) <= 2:
        return f"{verb} {' and '.join(shown)}"
    return f"{verb} {shown[0]} and {len(shown) - 1} other files"


def _commit(entries: Sequence[str], last: int = 1) -> Generator[Turn, Outcome, Committed]:
    """Commits what belongs into the repository. last: the to-do entry that committing is."""
    look = yield Turn(
        "I'll look at what changed, and at how this repository words its commits.",
        (
            bash(LOOK, "Show what changed"),
            bash("git diff HEAD", "Show the changes"),
            bash("git log --oneline -5", "Show the latest commits"),
        ),
        progress(entries, 0),
    )
    status, difference, _ = look.calls
    named = _BRANCH.search(status.output)
    branch = named["branch"] if named else "HEAD"
    if not status.ok:
        return Committed(branch, problem=status.output)
    found = changes(status.output)
    wanted = [change for change in found if not _UNWANTED.search(change.path)]
    left_out = tuple(change.path for change in found if change not in wanted)
    subjects: list[str] = []
    for group in groups(wanted):
        words = subject(group, difference.output)
        paths = " ".join(shlex.quote(change.path) for change in group)
        made = yield Turn(
            calls=(bash(f"git add -A -- {paths} && git commit -q -m {shlex.quote(words)}", "Commit"),),
            todos=progress(entries, last),
        )
        if not made.ok:
            return Committed(branch, tuple(subjects), left_out, made.output)
        subjects.append(words)
    return Committed(branch, tuple(subjects), left_out)


def _push(entries: Sequence[str], at: int, branch: str) -> Generator[Turn, Outcome, Attempt]:
    pushed = yield Turn(calls=(bash(PUSH, "Push the branch"),), todos=progress(entries, at))
    if pushed.ok:
        return Attempt(True, f"`{branch}` is pushed.")
    if "fetch first" not in pushed.output and "non-fast-forward" not in pushed.output:
        return Attempt(False, f"The push of `{branch}` failed:\n\n{quoted(pushed.output)}")
    theirs = shlex.quote(f"origin/{branch}")
    again = yield Turn(
        "The remote has commits that are missing here. I merge them; nothing is forced.",
        (bash(f"git fetch origin && git merge --no-edit {theirs} && {PUSH}", "Merge and push again"),),
        progress(entries, at),
    )
    if again.ok:
        return Attempt(True, f"`{branch}` is pushed, with what the remote had besides.")
    return Attempt(False, f"The push of `{branch}` failed:\n\n{quoted(again.output)}")


def _merge(base: str, entries: Sequence[str]) -> Generator[Turn, Outcome, Attempt]:
    theirs = shlex.quote(f"origin/{base}")
    merging = yield Turn(
        calls=(
            bash("git fetch origin", "Fetch"),
            bash(f"git merge --no-edit {theirs}", f"Merge {base}"),
        ),
        todos=progress(entries, 1),
    )
    fetched, merge = merging.calls
    if not fetched.ok:
        return Attempt(False, f"The fetch failed, so nothing is merged:\n\n{quoted(fetched.output)}")
    if merge.ok:
        already = "Already up to date" in merge.output
        return Attempt(
            True, f"`{base}` {'was in here already' if already else 'is merged, without conflicts'}."
        )
    conflicts = yield Turn(
        "There are conflicts. I'll see where.",
        (bash("git diff --name-only --diff-filter=U", "List the conflicts"),),
    )
    paths = conflicts.output.split()
    if not paths or not set(paths) <= _LISTS:
        where = names(paths) or f"the merge itself:\n\n{quoted(merge.output)}"
        return Attempt(
            False,
            f"`{base}` conflicts in {where}. Which of the two is meant is for a person to decide, and I am only a "
            "scripted model: the merge is as git left it. `git merge --abort` takes it back.",
        )
    listed = " ".join(shlex.quote(path) for path in paths)
    resolved = yield Turn(
        "Both sides have added entries to a list. Both stay.",
        (bash(f"{_UNMARK} {listed} && git add {listed} && git commit --no-edit -q", "Keep both"),),
    )
    if not resolved.ok:
        return Attempt(False, f"The conflict could not be resolved:\n\n{quoted(resolved.output)}")
    return Attempt(
        True, f"`{base}` is merged. In {names(paths)} both sides had added entries: both are kept."
    )
