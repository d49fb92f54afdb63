"""What is in the workspace's repository and not on the remote."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from headless.git import Git
from headless.run import Run

from . import order
from .known import bring_in, is_known, remote_checkpoint
from .neutral import KNOWN, Doubt, Source, Store, at_once, doubt, lines_of, private
from .trees import Changes, Tree, changes_of, trees_of

MOST_PATHS = 100
MOST_SUBJECTS = 5

GONE = "The repository is not in its place any more ({path})."
NOT_RESTORED = "The workspace's volume was lost, and what was saved of it is not back yet."
UNFINISHED = "{operation} in progress"
ELSEWHERE = "{what} ({name})"
SUBMODULE = "submodule {path}"
TAG = "tag {name}"

_COPIES = ("refs/remotes/", "refs/prefetch/", "refs/bisect/")
"""Refs that only repeat what others have, or what is looked at elsewhere."""


@dataclass(frozen=True, slots=True)
class Tip:
    """A place from which commits can be reached. `where` names it for people, `ref` is a full ref, "HEAD", "stash"
    or empty. `commit` is None when it is a tag of something else. object: what the ref itself points to."""

    where: str
    commit: str | None
    ref: str = ""
    object: str = ""


@dataclass(frozen=True, slots=True)
class Loose:
    """Commits at a tip that the remote lacks: how many, and the subjects of the newest."""

    tip: Tip
    commits: int
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """All that was found. `unfinished`: operations in progress, for people. checkpoint: the commit of the checkpoint
    that the remote has; empty for none."""

    changes: tuple[Changes, ...]
    loose: tuple[Loose, ...]
    unfinished: tuple[str, ...]
    trees: tuple[Tree, ...] = ()
    tips: tuple[Tip, ...] = ()
    checkpoint: str = ""

    @property
    def uncommitted(self) -> list[str]:
        """Paths from the repository's top; those of other work trees lead out of it."""
        found = [
            f"{changes.tree.name}/{path}" if changes.tree.name else path
            for changes in self.changes
            for path in changes.shown
        ]
        return list(dict.fromkeys(found))

    @property
    def inside(self) -> list[Loose]:
        """Commits in submodules."""
        return [
            Loose(Tip(SUBMODULE.format(path=nested.path), nested.head), nested.commits, nested.subjects)
            for changes in self.changes
            for nested in changes.nested
            if nested.commits
        ]

    @property
    def is_safe(self) -> bool:
        return not (self.uncommitted or self.loose or self.unfinished or self.inside)


async def check(run: Run, also: Sequence[str] = ()) -> dict[str, object]:
    """The shape of Heddle's `Work`. Never raises for what git can't say: then `answered` is False.

    also: refs of the remote besides its branches and tags (`refs/pull/7/head`) whose commits count as being there.
    """
    try:
        async with surveyed(run, *counted(also)) as (_, survey):
            return _told(survey)
    except (Doubt, OSError, ValueError) as error:
        return {"answered": False, "uncommitted": [], "more": 0, "loose": [], "reason": str(error)}


def _told(survey: Survey | None) -> dict[str, object]:
    uncommitted = survey.uncommitted if survey else []
    loose: list[dict[str, object]] = []
    if survey:
        loose = [{"where": word, "commits": 0, "subjects": []} for word in survey.unfinished]
        loose += [
            {"where": found.tip.where, "commits": found.commits, "subjects": list(found.subjects)}
            for found in (*survey.loose, *survey.inside)
        ]
    return {
        "answered": True,
        "uncommitted": uncommitted[:MOST_PATHS],
        "more": max(0, len(uncommitted) - MOST_PATHS),
        "loose": loose,
        "reason": "",
    }


def counted(also: Sequence[str]) -> list[str]:
    """Refspecs that make further refs of the remote count as known, where the remote has them."""
    return [f"+{ref}*:refs/start/also{number}*" for number, ref in enumerate(also) if ref.startswith("refs/")]


@contextlib.asynccontextmanager
async def surveyed(
    run: Run, *more: str, checkpoint: str | None = None
) -> AsyncGenerator[tuple[Store | None, Survey | None], None]:
    """What is in the repository, and the private directory that knows it; None twice when there never was one. `more`
    are refspecs to fetch besides. checkpoint: the ref that the workspace is saved to, unless the order says it. What is
    there and this volume has never had is brought in first, as a branch. Raises Doubt, OSError, ValueError."""
    path = run.workspace / "repository"
    ref = checkpoint if checkpoint is not None else await asyncio.to_thread(order.checkpoint_ref, run.folder)
    if not path.is_dir():
        if (run.workspace / "base").exists() and not (run.workspace / "repository.partial").exists():
            raise Doubt(GONE.format(path=path))  # the clone was finished once
        await _expect_nothing(run, ref)
        yield None, None
        return
    source = await Source.find(path, run.author)
    async with private(run, source) as store:
        survey = await _survey(run, source, store, path, more, ref)
        if survey.checkpoint and not is_known(run, survey.checkpoint):
            await bring_in(run, source, ref, survey.checkpoint)
            survey = await _survey(run, source, store, path, more, ref)
        yield store, survey


async def _expect_nothing(run: Run, ref: str) -> None:
    """A volume without a repository holds nothing; but it may be there for one that was lost. Raises Doubt."""
    saved = await remote_checkpoint(run, Git(run.workspace, run.author), ref)
    if saved and not is_known(run, saved):
        raise Doubt(NOT_RESTORED)


async def _survey(
    run: Run, source: Source, store: Store, path: Path, more: Sequence[str], checkpoint: str
) -> Survey:
    async with at_once() as group:
        group.create_task(store.fetch(run, *more))
        saved = group.create_task(remote_checkpoint(run, store.git, checkpoint))
        finding = group.create_task(_here(run, source, store, path))
    trees, tips, changes = finding.result()
    unfinished = [
        _placed(UNFINISHED.format(operation=operation), tree)
        for tree in trees
        for operation in tree.operations
    ]
    loose = await _loose(store, tips)
    return Survey(tuple(changes), tuple(loose), tuple(unfinished), tuple(trees), tuple(tips), saved.result())


async def _here(
    run: Run, source: Source, store: Store, path: Path
) -> tuple[list[Tree], list[Tip], list[Changes]]:
    """What there is, whatever the remote has of it."""
    async with at_once() as group:
        listing = group.create_task(_refs(source))
        trees = await trees_of(source, path)
        there = [tree for tree in trees if tree.path is not None]
        places = [tree.path for tree in there if tree.path is not None]
        looks = [
            group.create_task(changes_of(store, source, tree, str(number), run, places))
            for number, tree in enumerate(there)
        ]
    refs = listing.result()
    branches = {tip.ref for tip in refs}
    heads = [
        Tip(_placed("HEAD", tree), tree.head, "HEAD")
        for tree in trees
        if tree.head and tree.branch not in branches
    ]
    sides = [
        Tip(_placed(UNFINISHED.format(operation=" and ".join(tree.operations) or "operation"), tree), id)
        for tree in trees
        for id in tree.sides()
    ]
    return trees, [*refs, *heads, *sides], [look.result() for look in looks]


async def _refs(source: Source) -> list[Tip]:
    """Branches, tags, stashes, and whatever other refs there are."""
    stashed = asyncio.create_task(source.git.run("rev-list", "--walk-reflogs", "refs/stash", "--"))
    format = "--format=%(objectname) %(objecttype) %(refname)"
    try:
        listed = lines_of(await source.git.tell_all("for-each-ref", format, unimportant="refs/remotes/"))
    finally:
        stashes = await stashed  # fails when there is none
    tips: list[Tip] = []
    for line in listed:
        id, kind, ref = line.split(" ", 2)
        if ref == "refs/stash":
            if not stashes.ok:
                raise doubt(stashes, ("rev-list",))
            kept = stashes.answer.split()
            kept = kept if id in kept else [id, *kept]
            tips += [Tip(f"stash@{{{number}}}", id, "stash") for number, id in enumerate(kept)]
        elif not ref.startswith(_COPIES):
            tips.append(Tip(_name_of(ref), id if kind == "commit" else None, ref, id))
    return await _peeled(source, tips)


async def _peeled(source: Source, tips: Sequence[Tip]) -> list[Tip]:
    """With the commits that tags stand for."""
    tags = [tip.object for tip in tips if tip.commit is None]
    if not tags:
        return list(tips)
    given = "".join(f"{id}^{{commit}}\n" for id in tags).encode()
    lines = lines_of(await source.git.tell("cat-file", "--batch-check=%(objectname)", given=given))
    commits = {id: line for id, line in zip(tags, lines, strict=True) if " " not in line}
    return [replace(tip, commit=tip.commit or commits.get(tip.object)) for tip in tips]


def _name_of(ref: str) -> str:
    if ref.startswith("refs/tags/"):
        return TAG.format(name=ref.removeprefix("refs/tags/"))
    return ref.removeprefix("refs/heads/")


def _placed(what: str, tree: Tree) -> str:
    return ELSEWHERE.format(what=what, name=tree.name) if tree.name else what


async def _loose(store: Store, tips: Sequence[Tip]) -> list[Loose]:
    """The tips with commits that nothing of the remote's reaches."""
    ids = sorted({tip.commit for tip in tips if tip.commit})
    parents: dict[str, list[str]] = {}
    if ids:
        given = "".join(f"{id}\n" for id in ids).encode()
        listed = await store.git.tell("rev-list", "--parents", "--stdin", "--not", *KNOWN, given=given)
        parents = {line.split()[0]: line.split()[1:] for line in lines_of(listed)}
    order = {id: number for number, id in enumerate(parents)}
    below = {id: _reached(id, parents, order) for id in ids if id in parents}
    newest = {id: sorted(reached, key=order.__getitem__)[:MOST_SUBJECTS] for id, reached in below.items()}
    subjects = await _subjects(store, {id for some in newest.values() for id in some} | below.keys())
    theirs: set[str] = set()
    if any(tip.commit is None for tip in tips):
        theirs = set((await store.git.tell("for-each-ref", "--format=%(objectname)")).split())
    found: list[Loose] = []
    for tip in tips:
        if tip.commit is None:
            if tip.object not in theirs:
                found.append(Loose(tip, 0, ()))
        elif tip.commit in below:
            some = [tip.commit] if tip.ref == "stash" else newest[tip.commit]
            commits = 1 if tip.ref == "stash" else len(below[tip.commit])
            found.append(Loose(tip, commits, tuple(subjects[id] for id in some)))
    return found


def _reached(start: str, parents: dict[str, list[str]], within: Iterable[str]) -> set[str]:
    found, left = {start}, [start]
    while left:
        for parent in parents[left.pop()]:
            if parent in within and parent not in found:
                found.add(parent)
                left.append(parent)
    return found


async def _subjects(store: Store, ids: Iterable[str]) -> dict[str, str]:
    given = "".join(f"{id}\n" for id in ids).encode()
    if not given:
        return {}
    listed = await store.git.tell("log", "--no-walk=unsorted", "--format=%H %s", "--stdin", given=given)
    split = [line.partition(" ") for line in lines_of(listed)]
    return {id: subject for id, _, subject in split}
