"""What a checkpoint has, put back into a fresh clone.

Branches, tags, stashes, other work trees, HEAD, and what was staged, not staged and not tracked. Not in a checkpoint,
so lost with the volume: ignored files, the home folder (Claude Code's sessions, the shells' history), terminals, and the
state of a rebase or merge in progress, of which the commits and the files are there.

Nothing here may keep a workspace from starting, and nothing of a checkpoint may be lost: when anything can't be put
back, the whole of it stays as a branch beside the others.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from headless.git import Git, GitError
from headless.run import Run

from . import description, forwarder, known
from .description import Description, NotDescribed, Place, Stash

LOOK_LIMIT = 15.0  # seconds for a question that most new workspaces ask in vain
FETCH_LIMIT = 120.0  # seconds
AT = "refs/heddle/restoring"

BESIDE = "restored/{name}"
ASIDE = "restored/{commit:.12}"
STASHED = "Uncommitted work of the lost volume ({place})"
UNFINISHED = "{operation}: its commits and files are here, the operation itself is not"
NOT_FETCHED = "the checkpoint could not be fetched: {said}"


@dataclass(frozen=True, slots=True)
class Restored:
    """commit: the checkpoint's, empty when none could be had. saved_at: when it was made, seconds since the epoch.
    beside: branches with commits that the remote's branch of that name has gone another way than. stashed: whether
    uncommitted files are in a stash, because their branch has moved on. left: what is not as it was. reason: why, if
    not all of it could be put back."""

    commit: str = ""
    saved_at: float | None = None
    beside: tuple[str, ...] = ()
    stashed: bool = False
    left: tuple[str, ...] = ()
    reason: str = ""


async def look(run: Run, ref: str) -> str:
    """The commit of the checkpoint that the remote has, empty for none. Raises Away."""
    await forwarder.listens()
    return await known.remote_checkpoint(run, Git(run.workspace, run.author), ref)


async def restore(run: Run, git: Git, ref: str) -> Restored:
    """Into a clone that nobody has worked in yet, any number of times. Never raises."""
    try:
        return await _restore(run, git, ref)
    except (GitError, OSError, ValueError) as error:
        return Restored(reason=str(error))


async def _restore(run: Run, git: Git, ref: str) -> Restored:
    options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
    specs = ("+refs/heads/*:refs/remotes/origin/*", f"+{ref}:{AT}")
    fetched = await git.run("fetch", *options, run.remote, *specs, limit=FETCH_LIMIT)
    if not fetched.ok:
        return Restored(reason=NOT_FETCHED.format(said=fetched.output.strip()[-500:]))
    commit = await git.ask("rev-parse", AT)
    putting = Putting(run, git)
    saved_at: float | None = None
    try:
        date, _, message = (await git.ask("log", "-1", "--format=%ct%n%B", AT)).partition("\n")
        saved_at = float(date)
        await putting.put(description.read(message))
    except (GitError, OSError, ValueError, NotDescribed) as error:
        putting.reasons.append(str(error))
    if putting.reasons:
        branch = known.KEPT_AT.format(commit=commit)
        await git.ask("update-ref", branch, commit)
        putting.beside.append(branch.removeprefix("refs/heads/"))
    known.write(run, [commit])
    await git.says("update-ref", "-d", AT)
    beside, left = tuple(dict.fromkeys(putting.beside)), tuple(dict.fromkeys(putting.left))
    return Restored(commit, saved_at, beside, putting.stashed, left, "\n".join(putting.reasons))


@dataclass(slots=True)
class Putting:
    """One checkpoint's way into one clone."""

    run: Run
    git: Git
    beside: list[str] = field(default_factory=list)
    stashed: bool = False
    left: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def _part(self, what: str) -> AsyncGenerator[None, None]:
        """A part that the others can do without."""
        try:
            yield
        except (GitError, OSError, ValueError) as error:
            self.left.append(what)
            self.reasons.append(str(error))

    async def put(self, found: Description) -> None:
        self.left += [*found.left, *(UNFINISHED.format(operation=each) for each in found.unfinished)]
        main = [place for place in found.places if not place.name]
        used = {place.branch.removeprefix("refs/heads/") for place in found.places} | {self.run.branch}
        heads: dict[str, str] = {}
        for name, commit in found.branches.items():
            async with self._part(f"branch {name}"):
                heads[name] = await self._branch(name, commit, found.theirs.get(name), used=name in used)
        await self._tags(found)
        for ref, commit in found.refs.items():
            async with self._part(ref):
                await self.git.ask("update-ref", ref, commit)
        for stash in reversed(found.stashes):
            async with self._part(f"stash {stash.message}"):
                await self._stash(stash)
        for place in main:
            async with self._part("the files"):
                await self._place(self.git, place, heads)
        for place in found.places:
            if place.name:
                async with self._part(f"work tree {place.name}"):
                    await self._worktree(place, heads)
        for commit in found.aside:
            async with self._part(commit):
                await self._aside(commit)
        async with self._part("where the work began"):
            await self._base(found.base)

    async def _branch(self, name: str, commit: str, before: str | None, *, used: bool) -> str:
        """Where the branch is then. before: where the remote's was when the checkpoint was made."""
        ref, theirs = f"refs/heads/{name}", await self.git.commit_of(f"refs/remotes/origin/{name}")
        here = await self.git.commit_of(ref)
        at = commit
        if used and theirs is not None and theirs not in (before, commit):  # others have moved it meanwhile
            if await self.git.is_ancestor(commit, theirs):
                at = theirs
            elif not await self.git.is_ancestor(theirs, commit):
                at = theirs
                beside = BESIDE.format(name=name)
                await self.git.ask("update-ref", f"refs/heads/{beside}", commit)
                self.beside.append(beside)
        elif not used and here is not None and await self.git.is_ancestor(commit, here):
            at = here
        await self.git.ask("update-ref", ref, at)
        return at

    async def _tags(self, found: Description) -> None:
        for tag in found.annotated:
            async with self._part(f"tag {tag.id}"):
                given = tag.text.encode("utf-8", "surrogateescape")
                await self.git.ask("hash-object", "-t", "tag", "-w", "--stdin", given=given)
        for name, id in found.tags.items():
            async with self._part(f"tag {name}"):
                if await self.git.says("rev-parse", "--verify", "--quiet", f"refs/tags/{name}"):
                    there = await self.git.ask("rev-parse", f"refs/tags/{name}")
                    if there != id:
                        raise ValueError(f"there is another tag {name}")
                await self.git.ask("update-ref", f"refs/tags/{name}", id)

    async def _stash(self, stash: Stash) -> None:
        listed = await self.git.run("stash", "list", "--format=%H")
        if stash.commit not in listed.answer.split():  # an earlier attempt may have put it there
            message = stash.message or "stash"
            await self.git.ask("stash", "store", "--message", message, stash.commit)

    async def _place(self, git: Git, place: Place, heads: dict[str, str]) -> None:
        """HEAD, the index and the files of a work tree."""
        name = place.branch.removeprefix("refs/heads/")
        at = heads.get(name, "") if place.branch else place.head
        if place.branch and place.head and not at:  # the branch could not be put back
            at, name = place.head, ""
        if name:
            await git.ask("symbolic-ref", "HEAD", place.branch)
        else:
            await git.ask("update-ref", "--no-deref", "HEAD", at)
        if at != place.head:
            await git.ask("read-tree", "--reset", "-u", at)
            files = await git.ask("rev-parse", f"{at}^{{tree}}")
            if place.commit and place.files != files:
                await self._stash(await self._as_stash(place, name or at))
                self.stashed = True
            return
        await git.ask("read-tree", "--reset", "-u", place.files)
        await git.ask("read-tree", place.staged)
        await git.says("update-index", "-q", "--refresh")

    async def _as_stash(self, place: Place, where: str) -> Stash:
        message = STASHED.format(place=where)
        parents = ("-p", place.head)
        index = await self.git.ask("commit-tree", *parents, "-m", message, place.staged)
        commit = await self.git.ask("commit-tree", *parents, "-p", index, "-m", message, place.files)
        return Stash(commit, message)

    async def _worktree(self, place: Place, heads: dict[str, str]) -> None:
        path = _path_of(self.run, self.git, place)
        if not (path / ".git").exists():
            start = place.head or await self.git.ask("rev-parse", f"refs/remotes/origin/{self.run.base}")
            options = ("--force", "--detach", "--no-checkout")
            await self.git.ask("worktree", "add", *options, str(path), start)
        git = Git(path, self.run.author)
        await git.ask("read-tree", "--empty")
        await self._place(git, place, heads)

    async def _aside(self, commit: str) -> None:
        reached = await self.git.ask(
            "for-each-ref", "--count=1", f"--contains={commit}", "refs/heads", "refs/tags"
        )
        if not reached:
            branch = ASIDE.format(commit=commit)
            await self.git.ask("update-ref", f"refs/heads/{branch}", commit)
            self.beside.append(branch)

    async def _base(self, commit: str) -> None:
        if commit and await self.git.commit_of(commit) is not None:
            record = self.run.workspace / "base"
            await asyncio.to_thread(record.write_text, f"{commit}\n")


def _path_of(run: Run, git: Git, place: Place) -> Path:
    """Where a further work tree was. Raises ValueError when that is not in the volume, or in the way of something."""
    path = Path(os.path.normpath(git.folder / place.name))
    if not path.is_relative_to(run.workspace) or path.is_relative_to(git.folder / ".git"):
        raise ValueError(f"{place.name} is outside of the workspace")
    return path
