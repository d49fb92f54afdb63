"""How the repository comes into the workspace, and how a later run finds it again."""

from __future__ import annotations

import shutil
from pathlib import Path

from .git import Git, GitError
from .run import Run

FETCH_LIMIT = 120.0  # seconds for bringing a kept repository up to date


class CloneFailed(Exception):
    """`str()` is what git said."""


class BaseMissing(Exception):
    """Neither the branch nor the base is in the mirror."""


def is_cloned(run: Run) -> bool:
    return (run.workspace / "repository").is_dir()


def repository_of(run: Run) -> Git:
    return Git(run.workspace / "repository", run.author)


async def create(run: Run) -> None:
    """Clones the mirror, without copying its objects. An unfinished earlier attempt is thrown away."""
    partial = run.workspace / "repository.partial"
    if partial.exists():
        shutil.rmtree(partial)
    safe = run.folder / "mirror.gitconfig"
    safe.write_text(f"[include]\n\tpath = ~/.gitconfig\n[safe]\n\tdirectory = {run.mirror}\n")
    outside = Git(run.workspace, run.author)
    cloned = await outside.run(
        "clone",
        "--quiet",
        "--shared",
        "--no-checkout",
        str(run.mirror),
        partial.name,
        environment={"GIT_CONFIG_GLOBAL": str(safe)},
    )
    safe.unlink()
    if not cloned.ok:
        raise CloneFailed(cloned.output)
    git = Git(partial, run.author)
    try:
        await _start_branch(git, run)
    except GitError as error:
        raise CloneFailed(str(error)) from error
    partial.rename(run.workspace / "repository")


async def _start_branch(git: Git, run: Run) -> None:
    theirs = await git.commit_of(f"refs/remotes/origin/{run.branch}")
    start = theirs or await git.commit_of(f"refs/remotes/origin/{run.base}")
    if start is None:
        raise BaseMissing(f"{run.base} is not a branch of the repository")
    # `git push` without arguments has to work for Claude, and `git status` to say nothing of an upstream.
    await git.ask("config", "push.default", "current")
    await git.ask("checkout", "--quiet", "--no-track", "-B", run.branch, start)


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


async def refresh(git: Git, run: Run) -> None:
    """Takes over what others did meanwhile, where that can't lose anything; the work in the repository stays.

    A remote that can't be reached now is no reason to fail: the push at the end deals with what is new there.
    """
    if await git.branch() != run.branch and await git.is_clean():
        await git.says("checkout", "--quiet", run.branch)
    if not (await git.run("fetch", "--quiet", "origin", limit=FETCH_LIMIT)).ok:
        return
    theirs = f"refs/remotes/origin/{run.branch}"
    if await git.branch() == run.branch and await git.commit_of(theirs) and await git.is_clean():
        await git.says("merge", "--quiet", "--ff-only", theirs)


async def base_of(git: Git, run: Run) -> str:
    """The commit from which the branch started, recorded beside the repository at the first time."""
    record = run.workspace / "base"
    if record.is_file():
        known = await git.commit_of(record.read_text().strip() or "-")
        if known is not None:
            return known
    outcome = await git.run("merge-base", "HEAD", f"refs/remotes/origin/{run.base}")
    base = outcome.answer.strip() if outcome.ok else await git.ask("rev-parse", "HEAD")
    _write_whole(record, base + "\n")
    return base


def _write_whole(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(path)
