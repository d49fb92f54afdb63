"""Everything that the remote lacks, in one commit that is pushed to a ref of its own.

The user's index, files, branches and stashes stay as they are: everything is made in the private directory.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headless.run import Run

from .neutral import Doubt, Store, doubt
from .trees import STATUS, Changes, Nested, joined
from .work import Loose, Survey, surveyed

PUSH_LIMIT = 300.0  # seconds
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
INDEX_SUBJECT = "What was staged"
FILES_SUBJECT = "The files of the workspace as they were"


@dataclass(frozen=True, slots=True)
class Part:
    """A parent of the rescuing commit: what it is, and a command that gets it back (`{commit}` is its name)."""

    commit: str
    what: str
    command: str
    note: str = ""


async def rescue(run: Run, ref: str) -> dict[str, object]:
    """Pushes to `ref` at the remote.

    head: what is there now; empty when there was nothing to rescue, or when it failed: then `reason` says why.
    left: paths, submodules and tags that could not be included. Only without a `left` is everything rescued.
    """
    head, left, reason = "", list[str](), ""
    try:
        async with surveyed(run, f"+{ref}*:{FORMER}x*") as (store, survey):
            if store is not None and survey is not None and not survey.is_safe:
                commit, left = await _gather(run, store, survey, ref)
                if commit:
                    await _push(run, store, commit, ref)
                head = commit
    except (Doubt, OSError, ValueError) as error:
        reason = str(error)
    return {"head": head, "ref": ref, "left": left, "reason": reason}


async def _push(run: Run, store: Store, commit: str, ref: str) -> None:
    options = ("--quiet", "--no-verify", "--no-recurse-submodules", "--no-signed")
    outcome = await store.git.run("push", *options, run.remote, f"{commit}:{ref}", limit=PUSH_LIMIT)
    if not outcome.ok:
        raise doubt(outcome, ("push",), NOT_PUSHED, PUSH_LIMIT)


async def _gather(run: Run, store: Store, survey: Survey, ref: str) -> tuple[str, list[str]]:
    """The rescuing commit, in the private directory only; empty when nothing can be in it. And what is left."""
    parts: list[Part] = []
    left: list[str] = []
    for changes in survey.changes:
        part, missing = await _snapshot(store, changes)
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
    tree = await _tree_of(store, parts[0].commit)
    message = _message(ref, parts, left)
    return await _commit(store, tree, [part.commit for part in parts], message), left


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


async def _commit(store: Store, tree: str, parents: Sequence[str], message: str) -> str:
    """Made by hand: as many parents as there are."""
    author, committer = await asyncio.gather(
        store.git.tell("var", "GIT_AUTHOR_IDENT"), store.git.tell("var", "GIT_COMMITTER_IDENT")
    )
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {author.strip()}", f"committer {committer.strip()}", "", message]
    given = os.fsencode("\n".join(lines).replace("\0", ""))
    return (await store.git.tell("hash-object", "-t", "commit", "-w", "--stdin", given=given)).strip()


async def _tree_of(store: Store, commit: str) -> str:
    return (await store.git.tell("rev-parse", f"{commit}^{{tree}}")).strip()


async def _snapshot(store: Store, changes: Changes) -> tuple[Part | None, list[str]]:
    """A commit of the files that are in none, on top of HEAD; and the paths that could not be put into it."""
    folder = store.folder / f"rescued-{Path(changes.git.variables['GIT_DIR']).name}"
    inside = await asyncio.to_thread(_sorted_out, changes)
    index = Path(changes.git.variables["GIT_DIR"]) / "index"
    if index.is_file():
        await asyncio.to_thread(shutil.copy2, index, folder)
    git = changes.git
    environment = {"GIT_INDEX_FILE": str(folder), "GIT_OBJECT_DIRECTORY": str(store.objects)}

    async def add(names: Sequence[str]) -> None:
        for flags, some in (
            (("--force-remove",), [name for name in names if name in inside.removed]),
            (("--add", "--remove", "--replace"), [name for name in names if name in inside.added]),
        ):
            if some:
                given = joined(some)
                await git.tell("update-index", *flags, "-z", "--stdin", given=given, environment=environment)

    async def write() -> str:
        return (await git.tell("write-tree", environment=environment)).strip()

    # An index with conflicts makes no tree: those files count as staged, with the marks that are in them.
    unmerged = [name for name in changes.conflicts if name in inside.left]
    if unmerged:
        await git.tell(
            "update-index", "--force-remove", "-z", "--stdin", given=joined(unmerged), environment=environment
        )
    await add(changes.conflicts)
    staged = await write()
    await add(changes.paths)
    moved = [nested for nested in changes.nested if nested.moved and nested.head and not _is_lost(nested)]
    given = b"".join(os.fsencode(f"160000 {nested.head}\t{nested.path}") + b"\0" for nested in moved)
    if given:
        await git.tell("update-index", "-z", "--index-info", given=given, environment=environment)
    files = await write()
    head = changes.tree.head
    before = await _tree_of(store, head) if head else None
    lost = {nested.path for nested in changes.nested if _is_lost(nested)}
    # What git was told and did not do would be lost in silence.
    beside = await git.tell_all(*STATUS, "--ignore-submodules=dirty", environment=environment)
    differing = {entry[3:] for entry in beside.split("\0") if entry and entry[1] != " "}
    wanted = {*changes.paths, *(nested.path for nested in moved)}
    left = sorted({*inside.left, *lost, *(differing & wanted)})
    if files == before == staged or (before is None and not changes.paths):
        return None, left
    parents = [head] if head else []
    note = ""
    if staged not in (before, files):
        parents.append(await _commit(store, staged, parents, INDEX_SUBJECT + "\n"))
        note = STAGED if head else ""
    commit = await _commit(store, files, parents, FILES_SUBJECT + "\n")
    place = f" (work tree {changes.tree.name})" if changes.tree.name else ""
    return Part(commit, FILES + place, "git checkout {commit}", note), left


def _is_lost(nested: Nested) -> bool:
    return bool(nested.changed or nested.commits or nested.head is None)


@dataclass(frozen=True, slots=True)
class _Paths:
    """added: files, links and what is gone; removed: folders are in their places; left: git can't take them."""

    added: frozenset[str]
    removed: frozenset[str]
    left: frozenset[str]


def _sorted_out(changes: Changes) -> _Paths:
    assert changes.tree.path is not None
    added, removed, left = set[str](), set[str](), set[str]()
    for name in changes.paths:
        place = changes.tree.path / name
        try:
            mode = place.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            mode = None
        if name.endswith("/"):
            left.add(name)
        elif mode is None or stat.S_ISLNK(mode) or (stat.S_ISREG(mode) and os.access(place, os.R_OK)):
            added.add(name)
        elif stat.S_ISDIR(mode):
            removed.add(name)
        else:
            left.add(name)
    return _Paths(frozenset(added), frozenset(removed), frozenset(left))
