"""What is in a work tree and in no commit."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from headless.protection import GITLINK, is_protected
from headless.run import Run

from .neutral import Doubt, NeutralGit, Source, Store, at_once, lines_of, make_directory

STATUS = ("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=all")
CONFLICTS = frozenset({"DD", "AU", "UD", "UA", "DU", "AA", "UU"})

OPERATIONS = {
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "BISECT_LOG": "bisect",
    "BISECT_START": "bisect",
    "sequencer": "cherry-pick",
}
SIDES = (
    *("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "MERGE_AUTOSTASH"),
    *(f"rebase-{kind}/{name}" for kind in ("merge", "apply") for name in ("orig-head", "autostash")),
)
"""Files in which an operation keeps commits that may be nowhere else."""


@dataclass(frozen=True, slots=True)
class Tree:
    """One work tree of a repository. `path` is None when its files are gone. `name` is empty for the main one, else
    its path from there. `head` is None before the first commit, `branch` is a full ref, None when HEAD is detached."""

    folder: Path  # its git directory
    path: Path | None
    name: str
    head: str | None
    branch: str | None

    @property
    def operations(self) -> list[str]:
        """What is going on in it, "rebase" for example."""
        return sorted({word for name, word in OPERATIONS.items() if (self.folder / name).exists()})

    def sides(self) -> list[str]:
        """Ids of commits that an operation has put aside."""
        found: list[str] = []
        for name in SIDES:
            if (self.folder / name).is_file():
                found += (self.folder / name).read_text().split()
        return found


async def trees_of(source: Source, path: Path) -> list[Tree]:
    """The main work tree at `path` first, then the others. Raises Doubt."""
    places: list[tuple[Path, Path | None]] = [(source.folder, path)]
    configured = await source.git.run("config", "--type=path", "--get", "core.worktree")
    if configured.ok:
        other = source.folder / configured.answer.rstrip("\n")
        if other.is_dir() and not other.samefile(path):
            places.append((source.folder, other))
    places += await asyncio.to_thread(_linked, source.folder)
    async with at_once() as group:
        found = [group.create_task(_tree(source, folder, place, path)) for folder, place in places]
    return [task.result() for task in found]


def _linked(folder: Path) -> list[tuple[Path, Path | None]]:
    """The git directories of further work trees, with their places."""
    found: list[tuple[Path, Path | None]] = []
    for linked in sorted((folder / "worktrees").glob("*")):
        if (linked / "HEAD").exists():
            record = linked / "gitdir"
            text = record.read_text("utf-8", "surrogateescape").rstrip("\n") if record.is_file() else ""
            place = linked.joinpath(text).parent if text else None
            found.append((linked, place if place is not None and place.is_dir() else None))
    return found


async def _tree(source: Source, folder: Path, path: Path | None, main: Path) -> Tree:
    where = {"GIT_DIR": str(folder)}
    commit, branch = await asyncio.gather(
        source.git.run("rev-parse", "--verify", "--quiet", "HEAD", environment=where),
        source.git.run("symbolic-ref", "--quiet", "HEAD", environment=where),
    )  # neither raises
    if not commit.ok and not branch.ok:
        raise Doubt(f"git can't read where HEAD is ({folder}).")
    name = _name(path or folder, main)
    return Tree(
        folder, path, name, commit.answer.strip() if commit.ok else None, branch.answer.strip() or None
    )


def _name(place: Path, main: Path) -> str:
    return "" if place == main else os.path.relpath(place, main)


@dataclass(frozen=True, slots=True)
class Nested:
    """A repository in the place of a submodule. changed: work in it that is in no commit. commits: how many of its
    commits no remote of its own is known to have, stashes included. moved: it is not at the commit that the index
    of the repository around it has."""

    path: str
    head: str | None
    moved: bool
    changed: bool
    commits: int
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What is in a work tree and in no commit. `git` works on a copy of its index. Paths are from the tree's top; one
    that ends with a slash is a repository of its own."""

    git: NeutralGit
    tree: Tree
    paths: tuple[str, ...]
    conflicts: tuple[str, ...]
    nested: tuple[Nested, ...]

    @property
    def shown(self) -> list[str]:
        """Every path that is not as the commit has it."""
        inside = [nested.path for nested in self.nested if nested.moved or nested.changed]
        return sorted({*self.paths, *inside})


async def changes_of(
    store: Store, source: Source, tree: Tree, number: str, run: Run, surveyed: Collection[Path]
) -> Changes:
    """Looks at a copy of the index, with the user's marks taken off. surveyed: work trees that are looked at by
    themselves. Raises Doubt."""
    path = tree.path
    assert path is not None
    folder = store.folder / f"tree-{number}"
    await asyncio.to_thread(_prepare, folder, source, tree)
    variables = {"GIT_DIR": str(folder), "GIT_WORK_TREE": str(path)}
    git = NeutralGit(path, run.author, variables)
    entries = _entries(await git.tell("ls-files", "-v", "-s", "-z"))
    guarded = not tree.name and (run.untrusted or (run.workspace / "protected").exists())
    await _clear_marks(git, path, entries, guarded)
    links = {entry.path: entry.id for entry in entries if entry.mode == GITLINK}
    async with at_once() as group:
        status = group.create_task(git.tell_all(*STATUS))
        beside = group.create_task(asyncio.to_thread(_repositories, path, entries))
        below = group.create_task(_nested(store, path, links, number, run))
    listed = [(entry[:2], entry[3:]) for entry in status.result().split("\0") if entry]
    own = await asyncio.to_thread(_own, path, [name for _, name in listed], surveyed)
    nested, odd = below.result()
    paths = tuple(dict.fromkeys([*own, *beside.result(), *odd]))
    conflicts = tuple(name for code, name in listed if code in CONFLICTS)
    return Changes(git, tree, paths, conflicts, tuple(nested))


def _own(path: Path, names: Sequence[str], surveyed: Collection[Path]) -> list[str]:
    """Without the work trees that are looked at by themselves."""
    elsewhere = {os.path.realpath(place) for place in surveyed if place != path}
    return [
        name for name in names if not name.endswith("/") or os.path.realpath(path / name) not in elsewhere
    ]


def _prepare(folder: Path, source: Source, tree: Tree) -> None:
    exclude = source.folder / "info" / "exclude"
    make_directory(folder, source.objects, tree.head or "ref: refs/heads/none", exclude)
    for index in (tree.folder / "index", *tree.folder.glob("sharedindex.*")):
        if index.is_file():
            shutil.copy2(index, folder / index.name)  # with its time: git compares it with the files'


@dataclass(frozen=True, slots=True)
class _Entry:
    mark: str
    mode: str
    id: str
    path: str


def _entries(listed: str) -> list[_Entry]:
    found = []
    for line in listed.split("\0"):
        if line:
            fields, path = line.split("\t", 1)
            mark, mode, id, _ = fields.split(" ")
            found.append(_Entry(mark, mode, id, path))
    return found


async def _clear_marks(git: NeutralGit, path: Path, entries: Sequence[_Entry], guarded: bool) -> None:
    """Takes off what keeps git from comparing a file. What Heddle's own guard has hidden stays hidden, and so does a
    file that is not there at all: then nothing can be lost with it."""
    assumed = {entry.path for entry in entries if entry.mark.islower()}
    skipped = {entry.path for entry in entries if entry.mark in "sS"}
    seen = await asyncio.to_thread(
        _there, path, {name for name in skipped if not (guarded and is_protected(name))}
    )
    for flag, names in (("--no-assume-unchanged", assumed), ("--no-skip-worktree", seen)):
        if names:
            await git.tell("update-index", flag, "-z", "--stdin", given=joined(names))


def _there(path: Path, names: Collection[str]) -> list[str]:
    return [name for name in names if os.path.lexists(path / name)]


def joined(paths: Iterable[str]) -> bytes:
    return b"".join(os.fsencode(path) + b"\0" for path in paths)


def _repositories(path: Path, entries: Sequence[_Entry]) -> list[str]:
    """Repositories that somebody has begun in a folder with files of this one: git does not show those."""
    folders: set[str] = set()
    for entry in entries:
        folder = entry.path.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return [f"{folder}/.git/" for folder in sorted(folders) if os.path.lexists(path / folder / ".git")]


async def _nested(
    store: Store, path: Path, links: dict[str, str], number: str, run: Run
) -> tuple[list[Nested], list[str]]:
    """The submodules that have a repository; and paths where something else is in the place of one."""
    there, odd = await asyncio.to_thread(_in_places_of, path, links)
    async with at_once() as group:
        found = [
            group.create_task(_look_into(store, path, name, links[name], f"{number}.{count}", run))
            for count, name in enumerate(there)
        ]
    return [task.result() for task in found], odd


def _in_places_of(path: Path, links: Iterable[str]) -> tuple[list[str], list[str]]:
    """Of these submodules' places, those with a repository, and those with something that is none."""
    there, odd = list[str](), list[str]()
    for name in links:
        place = path / name
        if place.is_dir() and not place.is_symlink():
            if os.path.lexists(place / ".git"):
                there.append(name)
            elif any(place.iterdir()):
                odd.append(f"{name}/")
        elif os.path.lexists(place):
            odd.append(name)
    return there, odd


async def _look_into(store: Store, path: Path, name: str, expected: str, number: str, run: Run) -> Nested:
    """A submodule. Nobody has told Heddle what its remote is, so its own word for that has to do."""
    place = path / name
    source = await Source.find(place, run.author)
    # Its git directory is the place's own, unless it is a work tree of another repository.
    folder = Path(lines_of(await source.git.tell("rev-parse", "--absolute-git-dir"))[0])
    tree = await _tree(source, folder, place, path)
    changes = await changes_of(store, source, tree, number, run, ())
    heads = [tree.head] if tree.head else []
    given = "".join(f"{commit}\n" for commit in (*heads, *tree.sides())).encode()
    loose = await source.git.tell(
        *("rev-list", "--stdin", "--exclude=refs/remotes/*", "--glob=refs/*", "--not", "--remotes"),
        given=given,
    )
    commits = loose.split()
    subjects: tuple[str, ...] = ()
    if commits:
        shown = await source.git.tell("log", "--no-walk=unsorted", "--format=%s", *commits[:5], "--")
        subjects = tuple(lines_of(shown))
    changed = bool(changes.shown or tree.operations or any(inner.commits for inner in changes.nested))
    return Nested(name, tree.head, tree.head != expected, changed, len(commits), subjects)
