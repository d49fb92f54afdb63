"""A work tree's files and its index as commits in the private directory; the user's own stay as they are."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headless.run import Run

from .neutral import Store, doubt
from .trees import STATUS, Changes, Nested, joined

PUSH_LIMIT = 300.0  # seconds

INDEX_SUBJECT = "What was staged"
FILES_SUBJECT = "The files of the workspace as they were"


@dataclass(frozen=True, slots=True)
class Limits:
    """In bytes: a larger file is left out, and so are the largest ones of more than `together`."""

    file: int
    together: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """commit: of the files, on top of `head`; empty when there is nothing that is in no commit. files, staged, before:
    the trees of the files, of the index and of HEAD (empty before the first commit). left: paths that are not in it."""

    commit: str
    files: str
    staged: str
    before: str
    head: str
    left: tuple[str, ...]

    @property
    def has_index_commit(self) -> bool:
        """Whether the last parent of `commit` is a commit of what was staged."""
        return bool(self.commit) and self.staged not in (self.before, self.files)


async def push(run: Run, store: Store, spec: str, sentence: str) -> None:
    """Raises Doubt with `sentence`, which has a place for what git `{said}`."""
    options = ("--quiet", "--no-verify", "--no-recurse-submodules", "--no-signed")
    outcome = await store.git.run("push", *options, run.remote, spec, limit=PUSH_LIMIT)
    if not outcome.ok:
        raise doubt(outcome, ("push",), sentence, PUSH_LIMIT)


async def make_commit(
    store: Store, tree: str, parents: Sequence[str], message: str, date: str | None = None
) -> str:
    """Made by hand: as many parents as there are. date: as git takes it, now unless it is given."""
    dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date} if date else {}
    author, committer = await asyncio.gather(
        store.git.tell("var", "GIT_AUTHOR_IDENT", environment=dates),
        store.git.tell("var", "GIT_COMMITTER_IDENT", environment=dates),
    )
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {author.strip()}", f"committer {committer.strip()}", "", message]
    given = os.fsencode("\n".join(lines).replace("\0", ""))
    return (await store.git.tell("hash-object", "-t", "commit", "-w", "--stdin", given=given)).strip()


async def tree_of(store: Store, commit: str) -> str:
    return (await store.git.tell("rev-parse", f"{commit}^{{tree}}")).strip()


async def snapshot(
    store: Store,
    changes: Changes,
    *,
    limits: Limits | None = None,
    date: str | None = None,
    busy: bool = False,
) -> Snapshot:
    """busy: somebody may be at work in the tree, so that a file may be another by the time that it has been read."""
    begun = time.time_ns()
    folder = store.folder / f"rescued-{Path(changes.git.variables['GIT_DIR']).name}"
    inside = await asyncio.to_thread(_sorted_out, changes, limits)
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
    head = changes.tree.head or ""
    before = await tree_of(store, head) if head else ""
    lost = {nested.path for nested in changes.nested if _is_lost(nested)}
    # What git was told and did not do would be lost in silence.
    beside = await git.tell_all(*STATUS, "--ignore-submodules=dirty", environment=environment)
    differing = {entry[3:] for entry in beside.split("\0") if entry and entry[1] != " "}
    differing &= {*changes.paths, *(nested.path for nested in moved)}
    if busy:
        assert changes.tree.path is not None
        differing -= await asyncio.to_thread(_touched, changes.tree.path, differing, begun)
    left = tuple(sorted({*inside.left, *lost, *differing}))
    if files == before == staged or (not before and not changes.paths):
        return Snapshot("", files, staged, before, head, left)
    parents = [head] if head else []
    if staged not in (before, files):
        parents.append(await make_commit(store, staged, parents, INDEX_SUBJECT + "\n", date))
    commit = await make_commit(store, files, parents, FILES_SUBJECT + "\n", date)
    return Snapshot(commit, files, staged, before, head, left)


def _is_lost(nested: Nested) -> bool:
    return bool(nested.changed or nested.commits or nested.head is None)


def _touched(path: Path, names: set[str], since: int) -> set[str]:
    """Those that have been written or removed since a time, in nanoseconds."""
    found = set[str]()
    for name in names:
        try:
            if (path / name).lstat().st_ctime_ns >= since - 2_000_000_000:  # of a clock that may be coarse
                found.add(name)
        except OSError:
            found.add(name)
    return found


@dataclass(frozen=True, slots=True)
class _Paths:
    """added: files, links and what is gone; removed: folders are in their places; left: git can't take them."""

    added: frozenset[str]
    removed: frozenset[str]
    left: frozenset[str]


def _sorted_out(changes: Changes, limits: Limits | None) -> _Paths:
    assert changes.tree.path is not None
    added, removed, left = set[str](), set[str](), set[str]()
    sizes: dict[str, int] = {}
    for name in changes.paths:
        place = changes.tree.path / name
        try:
            found = place.lstat()
            mode = found.st_mode
        except (FileNotFoundError, NotADirectoryError):
            mode = None
        if name.endswith("/"):
            left.add(name)
        elif mode is None or stat.S_ISLNK(mode) or (stat.S_ISREG(mode) and os.access(place, os.R_OK)):
            added.add(name)
            sizes[name] = found.st_size if mode is not None else 0
        elif stat.S_ISDIR(mode):
            removed.add(name)
        else:
            left.add(name)
    if limits is not None:
        large = _beyond(sizes, limits)
        added, left = added - large, left | large
    return _Paths(frozenset(added), frozenset(removed), frozenset(left))


def _beyond(sizes: dict[str, int], limits: Limits) -> set[str]:
    """What does not fit, the largest first."""
    beyond, total = set[str](), 0
    for name, size in sorted(sizes.items(), key=lambda item: (item[1], item[0])):
        total += size
        if size > limits.file or total > limits.together:
            beyond.add(name)
    return beyond
