"""git that the user's settings have no say in, and a git directory of Heddle's own to ask it from.

What a user may have set is theirs, but must not make lost work look safe: settings, hooks, filters, replaced objects,
marks in the index, another address for the remote. So the repository itself is asked only for its refs. Everything
else is asked in a directory with settings of Heddle's, which sees the repository's objects and has refs of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from headless.git import Git
from headless.processes import Outcome
from headless.run import Author, Run

LIMIT = 60.0  # seconds for one command on the disk
FETCH_LIMIT = 60.0  # seconds
STALE = 3600.0  # seconds: what an earlier process has left behind by then belongs to nobody
SAID = 1500  # characters of git's own words

PREFIX = "look-"
REMOTE = "refs/remotes/origin"  # in the private directory only
KNOWN = (f"--glob={REMOTE}/*", "--glob=refs/tags/*", "--glob=refs/start/*")

UNREADABLE = "git can't read the repository. It says: {said}"
UNREACHABLE = "The remote could not be asked. git says: {said}"
SLOW = "git gave no answer within {seconds:.0f} seconds ({command})."

_SETTINGS = (
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.splitIndex=false",
    "core.commitGraph=false",
    "core.excludesFile=/dev/null",
    "core.attributesFile=/dev/null",
    "core.safecrlf=false",
    "core.fsync=none",  # nothing in the private directory outlasts the answer
    "submodule.recurse=false",
    "maintenance.auto=false",
    "index.sparse=false",
)
_VARIABLES = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
}
_CONFIG = (
    "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = false\n"
)


_T = TypeVar("_T")


class Doubt(Exception):
    """git could not say. `str()` is a sentence for people."""


class Away(Doubt):
    """The remote could not be asked."""


@dataclass(frozen=True, slots=True)
class NeutralGit(Git):
    """git without settings of the user's, as far as a command line and an environment can do that."""

    variables: Mapping[str, str] = field(default_factory=dict)

    async def run(
        self,
        *arguments: str,
        limit: float = LIMIT,
        environment: Mapping[str, str] | None = None,
        given: bytes | None = None,
    ) -> Outcome:
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        variables = {**_VARIABLES, **self.variables, **(environment or {})}
        return await Git.run(self, *settings, *arguments, limit=limit, environment=variables, given=given)

    async def tell(
        self, *arguments: str, given: bytes | None = None, environment: Mapping[str, str] | None = None
    ) -> str:
        """What a command prints, to the last byte. Raises Doubt when it fails."""
        outcome = await self.run(*arguments, given=given, environment=environment)
        if not outcome.ok:
            raise doubt(outcome, arguments)
        return outcome.answer

    async def tell_all(
        self, *arguments: str, unimportant: str = "", environment: Mapping[str, str] | None = None
    ) -> str:
        """The same; a complaint counts as a failure too, because then something may be missing in the answer. Lines
        with `unimportant` in them are passed over."""
        outcome = await self.run(*arguments, environment=environment)
        lines = outcome.output[len(outcome.answer) :].splitlines()
        complaints = [line for line in lines if not line.startswith("hint:")]
        if not outcome.ok or any(not unimportant or unimportant not in line for line in complaints):
            raise doubt(outcome, arguments)
        return outcome.answer


class Together:
    """Tasks at work at the same time. All have ended when the block is over; then the first failure is raised. A
    program that is cut off leaves open ends behind, so one failure does not cancel the others: each has its limit."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[Any]] = []

    def create_task(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        task = asyncio.create_task(work)
        self.tasks.append(task)
        return task


@contextlib.asynccontextmanager
async def at_once() -> AsyncGenerator[Together, None]:
    """A block with tasks in it."""
    together = Together()
    try:
        yield together
    finally:
        ends = await asyncio.gather(*together.tasks, return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException):
            raise end


def lines_of(text: str) -> list[str]:
    """Lines as git means them: subjects of commits may have other characters in them that Python takes for ends."""
    return text.removesuffix("\n").split("\n") if text else []


def doubt(
    outcome: Outcome, arguments: Sequence[str], sentence: str = UNREADABLE, seconds: float = LIMIT
) -> Doubt:
    """What went wrong with a command."""
    if outcome.timed_out:
        return Doubt(SLOW.format(seconds=seconds, command=f"git {arguments[0]}"))
    said = outcome.output[len(outcome.answer) :].strip() or f"exit code {outcome.code}"
    return Doubt(sentence.format(said=said[-SAID:]))


@dataclass(frozen=True, slots=True)
class Source:
    """A repository of the user's: `git` at work in it, its main git directory and its objects."""

    git: NeutralGit
    folder: Path
    objects: Path

    @classmethod
    async def find(cls, path: Path, author: Author) -> Source:
        """The repository whose work tree begins at `path`, not one further up. Raises Doubt."""
        git = NeutralGit(path, author, {"GIT_CEILING_DIRECTORIES": str(path.parent)})
        asked = ("--path-format=absolute", "--git-common-dir", "--git-path", "objects")
        lines = lines_of(await git.tell("rev-parse", *asked))
        return cls(git, Path(lines[0]), Path(lines[1]))


@dataclass(frozen=True, slots=True)
class Store:
    """A private git directory that sees a repository's objects. `KNOWN` stands for what the remote has, once
    `fetch` is through."""

    folder: Path
    git: NeutralGit

    @property
    def objects(self) -> Path:
        return self.folder / "objects"

    async def fetch(self, run: Run, *more: str) -> None:
        """Learns what the remote has now: all branches and tags, and where the workspace's branch began. `more` are
        further refspecs. Raises Away."""
        # A pattern that nothing matches is no failure, other than a name that nothing has.
        start = [f"+{run.start}*:refs/start/x*"] if run.start else []
        specs = (f"+refs/heads/*:{REMOTE}/*", "+refs/tags/*:refs/tags/*", *start, *more)
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
        outcome = await self.git.run("fetch", *options, run.remote, *specs, limit=FETCH_LIMIT)
        if not outcome.ok:
            raise Away(str(doubt(outcome, ("fetch",), UNREACHABLE, FETCH_LIMIT)))


@contextlib.asynccontextmanager
async def private(run: Run, source: Source) -> AsyncGenerator[Store, None]:
    """A store that is gone afterwards. It is in the volume: what is fetched may be more than fits into memory."""
    folder = await asyncio.to_thread(_make_store, run.folder, source.objects)
    try:
        yield Store(folder, NeutralGit(folder, run.author, {"GIT_DIR": str(folder)}))
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _make_store(parent: Path, objects: Path) -> Path:
    for left in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if left.stat().st_mtime < time.time() - STALE:
                shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    make_directory(folder, objects, "ref: refs/heads/none", None)
    return folder


def make_directory(folder: Path, objects: Path, head: str, exclude: Path | None) -> None:
    """A git directory without anything but a view of `objects`; `exclude` is taken over from elsewhere."""
    for name in ("objects/info", "refs", "info"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "HEAD").write_text(head + "\n")
    (folder / "config").write_text(_CONFIG)
    (folder / "objects" / "info" / "alternates").write_text(f"{objects}\n")
    if exclude is not None and exclude.is_file():
        shutil.copyfile(exclude, folder / "info" / "exclude")
