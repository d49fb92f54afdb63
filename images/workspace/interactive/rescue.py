"""Everything that the remote lacks, in one commit that is pushed to a ref of its own.

The user's index, files, branches and stashes stay as they are: everything is made in the private directory.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from headless.run import Run

from .neutral import Doubt, Store
from .snapshot import make_commit, push, snapshot, tree_of
from .trees import Changes
from .work import Loose, Survey, counted, surveyed

FORMER = "refs/former/"

NOT_PUSHED = "The rescue could not be pushed. git says: {said}"

SUBJECT = "Work that was only in a workspace"
HOW = """\
Bring it into any clone of the repository with

    git fetch origin {ref}

The parents of this commit are what was rescued. After the fetch, this is how to get at each of them:
"""
FILES = "the files as they were, with what was in no commit"
STAGED = "what was staged: FETCH_HEAD^{number}^2"
HEAD = "where HEAD was; an operation was in progress, all of whose commits the remote has"
EARLIER = "an earlier rescue from the same workspace; its message says what is in it"


@dataclass(frozen=True, slots=True)
class Part:
    """A parent of the rescuing commit: what it is, and a command that gets it back (`{commit}` is its name)."""

    commit: str
    what: str
    command: str
    note: str = ""


async def rescue(run: Run, ref: str, also: Sequence[str] = ()) -> dict[str, object]:
    """Pushes to `ref` at the remote.

    head: what is there now; empty when there was nothing to rescue, or when it failed: then `reason` says why.
    left: paths, submodules and tags that could not be included. Only without a `left` is everything rescued.
    also: as in `check`.
    """
    head, left, reason = "", list[str](), ""
    try:
        async with surveyed(run, f"+{ref}*:{FORMER}x*", *counted(also)) as (store, survey):
            if store is not None and survey is not None and not survey.is_safe:
                commit, left = await _gather(store, survey, ref)
                if commit:
                    await push(run, store, f"{commit}:{ref}", NOT_PUSHED)
                head = commit
    except (Doubt, OSError, ValueError) as error:
        reason = str(error)
    return {"head": head, "ref": ref, "left": left, "reason": reason}


async def _gather(store: Store, survey: Survey, ref: str) -> tuple[str, list[str]]:
    """The rescuing commit, in the private directory only; empty when nothing can be in it. And what is left."""
    parts: list[Part] = []
    left: list[str] = []
    for changes in survey.changes:
        part, missing = await _files(store, changes)
        left += [f"{changes.tree.name}/{name}" if changes.tree.name else name for name in missing]
        parts += [part] if part else []
    together: dict[str, list[Part]] = {}
    for loose in survey.loose:
        if loose.tip.commit is None:
            left.append(loose.tip.where)
        else:
            together.setdefault(loose.tip.commit, []).append(_part_of(loose))
    for commit, same in together.items():
        what = ", ".join(part.what for part in same)
        parts.append(Part(commit, what, "\n    ".join(dict.fromkeys(part.command for part in same))))
    if not parts and not left:  # only an operation that is not finished: its commits are all known
        heads = dict.fromkeys(changes.tree.head for changes in survey.changes if changes.tree.head)
        parts = [Part(head, HEAD, "git checkout {commit}") for head in heads]
    if not parts:
        return "", left
    former = await store.git.commit_of(f"{FORMER}x")
    if former is not None:
        parts.append(Part(former, EARLIER, "git log -1 {commit}"))
    tree = await tree_of(store, parts[0].commit)
    message = _message(ref, parts, left)
    return await make_commit(store, tree, [part.commit for part in parts], message), left


async def _files(store: Store, changes: Changes) -> tuple[Part | None, tuple[str, ...]]:
    """A commit of the files that are in none; and the paths that could not be put into it."""
    taken = await snapshot(store, changes)
    if not taken.commit:
        return None, taken.left
    place = f" (work tree {changes.tree.name})" if changes.tree.name else ""
    note = STAGED if taken.has_index_commit and taken.head else ""
    return Part(taken.commit, FILES + place, "git checkout {commit}", note), taken.left


def _part_of(loose: Loose) -> Part:
    tip = loose.tip
    assert tip.commit is not None
    newest = f', the newest "{loose.subjects[0]}"' if loose.subjects else ""
    what = f"{tip.where} ({loose.commits} {'commit' if loose.commits == 1 else 'commits'}{newest})"
    if tip.ref.startswith("refs/heads/"):
        return Part(tip.commit, f"branch {what}", _making("branch", tip.ref.removeprefix("refs/heads/")))
    if tip.ref.startswith("refs/tags/"):
        return Part(tip.commit, what, _making("tag", tip.ref.removeprefix("refs/tags/")))
    if tip.ref == "stash":
        title = loose.subjects[0]
        command = f"git stash store -m {_literal(shlex.quote(title))} {{commit}}"
        return Part(tip.commit, f"{tip.where}: {title}", command)
    return Part(tip.commit, what, "git checkout {commit}")


def _making(kind: str, name: str) -> str:
    return f"git {kind} {_literal(shlex.quote(name))} {{commit}}"


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _message(ref: str, parts: Sequence[Part], left: Sequence[str]) -> str:
    lines = [SUBJECT, "", HOW.format(ref=shlex.quote(ref))]
    for number, part in enumerate(parts, 1):
        lines.append(f"^{number}  {part.what}")
        lines.append(f"    {part.command.format(commit=f'FETCH_HEAD^{number}')}")
        if part.note:
            lines.append(f"    {part.note.format(number=number)}")
    if left:
        lines += ["", "Not in here:", *(f"    {name!r}" for name in left)]
    return "\n".join(lines) + "\n"
