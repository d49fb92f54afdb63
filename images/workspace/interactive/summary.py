"""What the workspace's branch has brought since the workspace began."""

from __future__ import annotations

from headless.clone import base_of
from headless.difference import difference
from headless.git import GitError
from headless.run import Run

from .neutral import REMOTE, Doubt, NeutralGit, Source, Store, private

MOST = 50  # commits

NOTHING: dict[str, object] = {
    "commits": [],
    "more": 0,
    "files": 0,
    "insertions": 0,
    "deletions": 0,
    "head": "",
    "pushed": False,
}


async def summary(run: Run) -> dict[str, object]:
    """The commits, newest first, and the lines that changed. What the base branch has is nobody's work here.

    head: where the workspace's branch is, or HEAD when there is no such branch; empty when there is no commit.
    pushed: whether the remote's branch is there too. reason: why that could not be found out, for people.
    """
    path = run.workspace / "repository"
    if not path.is_dir():
        return {**NOTHING, "reason": ""}
    try:
        source = await Source.find(path, run.author)
        async with private(run, source) as store:
            return await _summary(run, source, store)
    except (Doubt, GitError, OSError, ValueError) as error:
        return {**NOTHING, "reason": str(error)}


async def _summary(run: Run, source: Source, store: Store) -> dict[str, object]:
    head = await source.git.commit_of(f"refs/heads/{run.branch}") or await source.git.commit_of("HEAD")
    if head is None:
        return {**NOTHING, "reason": ""}
    reason = ""
    try:
        await store.fetch(run)
    except Doubt as error:
        reason = str(error)
        await _believe(run, source.git, store)
    (store.folder / "HEAD").write_text(f"{head}\n")
    start = await base_of(store.git, run)
    brought = await difference(store.git, run, start)
    known = [f"^{commit}" for commit in (start, await store.git.commit_of(f"{REMOTE}/{run.base}")) if commit]
    shown = await store.git.tell(
        "log", f"--max-count={MOST}", "--format=%h %s", "--abbrev=7", head, *known, "--"
    )
    commits = shown.splitlines()
    there = None if reason else await store.git.commit_of(f"{REMOTE}/{run.branch}")
    return {
        "commits": commits,
        "more": brought.commits - len(commits),
        "files": brought.files,
        "insertions": brought.insertions,
        "deletions": brought.deletions,
        "head": head,
        "pushed": there == head,
        "reason": reason,
    }


async def _believe(run: Run, git: NeutralGit, store: Store) -> None:
    """A remote that can't be asked: for a summary, the repository's own word about the base is good enough."""
    base = await git.commit_of(f"refs/remotes/origin/{run.base}")
    if base is not None:
        await store.git.tell("update-ref", f"{REMOTE}/{run.base}", base)
