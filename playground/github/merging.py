"""Merging one commit into a branch of a bare repository."""

from __future__ import annotations

from enum import StrEnum

from playground.github.contents import identity
from playground.github.git import Git, GitFailed
from playground.github.records import Account


class MergeMethod(StrEnum):
    MERGE = "merge"
    SQUASH = "squash"


class MergeConflict(Exception):
    """The two sides change the same lines."""


async def merged_tree(git: Git, base: str, head: str) -> str:
    """The tree that a merge of two commits gives. Raises MergeConflict."""
    try:
        return (await git.text("merge-tree", "--write-tree", base, head)).splitlines()[0]
    except GitFailed as failure:
        if failure.code == 1:
            raise MergeConflict from failure
        raise


async def can_merge(git: Git, base: str, head: str) -> bool:
    """Whether `head` merges into `base` without a conflict."""
    try:
        await merged_tree(git, base, head)
    except (MergeConflict, GitFailed):
        return False
    return True


async def merge(
    git: Git, branch: str, head: str, *, method: MergeMethod, message: str, author: Account, at: float
) -> str:
    """Merge `head` into `branch`; the SHA of the new commit.

    Raises MergeConflict, and GitFailed when the branch is missing or moved meanwhile.
    """
    base = await git.text("rev-parse", "--verify", f"refs/heads/{branch}")
    tree = await merged_tree(git, base, head)
    parents = ["-p", base] + (["-p", head] if method is MergeMethod.MERGE else [])
    sha = await git.text("commit-tree", tree, *parents, "-m", message, env=identity(author, at))
    await git.update_ref(f"refs/heads/{branch}", sha, base)
    return sha
