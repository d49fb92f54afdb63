"""How the repository comes into the workspace, and how a later run finds it again."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from .git import Git, GitError
from .run import Run
from .trailers import sign_commits

FETCH_LIMIT = 120.0  # seconds for bringing a kept repository up to date
START = "refs/remotes/heddle/start"  # what run.json calls `start`, as of the last look
NO_SUCH_REF = "couldn't find remote ref"  # git's words


class CloneFailed(Exception):
    """`str()` is what git said."""


class BaseMissing(Exception):
    """What the branch should start from is not in the mirror."""


def is_cloned(run: Run) -> bool:
    return (run.workspace / "repository").is_dir()


def repository_of(run: Run) -> Git:
    return Git(run.workspace / "repository", run.author)


async def create(run: Run) -> None:
    """Clones the mirror, without copying its objects. An unfinished earlier attempt is thrown away."""
    partial = run.workspace / "repository.partial"
    if partial.exists():
        shutil.rmtree(partial)
    outside = Git(run.workspace, run.author)
    arguments = ("clone", "--quiet", "--shared", "--no-checkout", str(run.mirror), partial.name)
    with _trusting_mirror(run) as environment:
        cloned = await outside.run(*arguments, environment=environment)
    if not cloned.ok:
        raise CloneFailed(cloned.output)
    git = Git(partial, run.author)
    try:
        await _start_branch(git, run)
        _record_base(run, await git.ask("rev-parse", "HEAD"))
    except GitError as error:
        raise CloneFailed(str(error)) from error
    partial.rename(run.workspace / "repository")


@contextlib.contextmanager
def _trusting_mirror(run: Run) -> Iterator[dict[str, str]]:
    """An environment in which git reads the mirror, though it belongs to another user."""
    safe = run.folder / "mirror.gitconfig"
    safe.write_text(f"[include]\n\tpath = ~/.gitconfig\n[safe]\n\tdirectory = {run.mirror}\n")
    try:
        yield {"GIT_CONFIG_GLOBAL": str(safe)}
    finally:
        safe.unlink()


async def _start_branch(git: Git, run: Run) -> None:
    start = await git.commit_of(f"refs/remotes/origin/{run.branch}")
    if start is None and run.start:
        start = await _fetch_start(git, run)
        if start is None:
            raise BaseMissing(f"{run.start} is not in the repository")
    start = start or await git.commit_of(f"refs/remotes/origin/{run.base}")
    if start is None:
        raise BaseMissing(f"{run.base} is not a branch of the repository")
    # `git push` without arguments has to work for Claude, and `git status` to say nothing of an upstream.
    await git.ask("config", "push.default", "current")
    await git.ask("checkout", "--quiet", "--no-track", "-B", run.branch, start)


async def _fetch_start(git: Git, run: Run) -> str | None:
    """The commit that the mirror has for `start` now; None when it has none. Raises GitError."""
    arguments = ("fetch", "--quiet", "--no-tags", str(run.mirror), f"+{run.start}:{START}")
    with _trusting_mirror(run) as environment:
        outcome = await git.run(*arguments, environment=environment)
    if outcome.ok:
        return await git.commit_of(START)
    if NO_SUCH_REF in outcome.output:
        return None
    raise GitError(outcome.output)


async def connect(git: Git, run: Run) -> None:
    """The remote and the identity as this run has them, whatever an earlier run has made of them."""
    settings = {
        "remote.origin.url": run.remote,
        "remote.origin.fetch": "+refs/heads/*:refs/remotes/origin/*",
        "user.name": run.author.name,
        "user.email": run.author.email,
    }
    for name, value in settings.items():
        await git.ask("config", "--replace-all", name, value)
    sign_commits(await git.directory(), run.trailers)


async def refresh(git: Git, run: Run, limit: float = FETCH_LIMIT) -> None:
    """Takes over what others did meanwhile, where that can't lose anything; the work in the repository stays.

    A remote that can't be reached now is no reason to fail: the push at the end deals with what is new there.
    """
    if _mark(run).exists():  # broken off: there was no work before, so there is none now
        await git.unlock()
        await git.ask("reset", "--quiet", "--hard")
        await git.ask("clean", "--quiet", "-fd")
        _mark(run).unlink()
    if await git.branch() != run.branch and await git.is_clean():
        await git.says("checkout", "--quiet", run.branch)
    before = await _theirs(git, run)
    await git.run("fetch", "--quiet", "origin", limit=limit)
    if run.start:
        with contextlib.suppress(GitError):
            await _fetch_start(git, run)
    theirs = await _theirs(git, run)
    if theirs and await git.branch() == run.branch and await git.is_clean():
        _mark(run).touch()
        await _take_over(git, run, before, theirs)
        _mark(run).unlink()


def _mark(run: Run) -> Path:
    """There while files are exchanged for others' newer ones, in a working tree without changes of its own."""
    return run.folder / "taking-over"


async def _theirs(git: Git, run: Run) -> str | None:
    """Where the branch is for everyone else: its commit on the remote, and the start until it is there."""
    pushed = await git.commit_of(f"refs/remotes/origin/{run.branch}")
    return pushed or (await git.commit_of(START) if run.start else None)


async def _take_over(git: Git, run: Run, before: str | None, theirs: str) -> None:
    here, base = await git.ask("rev-parse", "HEAD"), await base_of(git, run)
    if await git.is_ancestor(theirs, here):
        return
    if await git.is_ancestor(here, theirs):
        known = here == base
        moved = await git.says("merge", "--quiet", "--ff-only", theirs)
    else:
        # They have rewritten the branch: nothing is lost when all that is here was theirs already.
        known = here == before
        moved = known and await git.says("checkout", "--quiet", "--no-track", "-B", run.branch, theirs)
    if moved and known and not await git.is_ancestor(base, f"refs/remotes/origin/{run.base}"):
        _record_base(run, theirs)  # on a branch of others, what they add is no work of this workspace


async def base_of(git: Git, run: Run) -> str:
    """The commit from which the workspace's work counts: where its branch was when the workspace began. It is
    recorded beside the repository."""
    record = run.workspace / "base"
    if record.is_file():
        known = await git.commit_of(record.read_text().strip() or "-")
        if known is not None:
            return known
    outcome = await git.run("merge-base", "HEAD", f"refs/remotes/origin/{run.base}")
    base = outcome.answer.strip() if outcome.ok else await git.ask("rev-parse", "HEAD")
    _record_base(run, base)
    return base


def _record_base(run: Run, commit: str) -> None:
    record = run.workspace / "base"
    partial = record.with_suffix(".partial")
    partial.write_text(commit + "\n")
    partial.replace(record)
