"""git's status for people at a terminal, cheap enough for every other second."""

from __future__ import annotations

import asyncio
from pathlib import Path

from headless.run import Author

from .neutral import NeutralGit

LIMIT = 10.0  # seconds
_NOBODY = Author("", "")
_STATUS = (
    *("status", "--porcelain=v2", "--branch", "-z", "--no-renames"),
    *("--untracked-files=normal", "--ignore-submodules=dirty"),
)


async def look(repository: Path, base: str) -> dict[str, object]:
    """`{"branch", "head", "unpushed", "changed"}`, by what the repository itself knows of the remote, without the
    network and without a lock. base: the name of the base branch.

    branch: empty when HEAD is detached; head: empty before the first commit; unpushed: the commits of HEAD that
    neither the remote's branch of the same name nor its base branch has; changed: paths that are not as in HEAD,
    a new folder counted once. Raises Doubt when git can't say.
    """
    git = NeutralGit(repository, _NOBODY, {"GIT_CEILING_DIRECTORIES": str(repository.parent)})
    async with asyncio.timeout(LIMIT):
        lines = [line for line in (await git.tell(*_STATUS)).split("\0") if line]
        headers = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# "))
        branch, head = headers["branch.head"], headers["branch.oid"]
        branch, head = ("" if branch == "(detached)" else branch), ("" if head == "(initial)" else head)
        unpushed = 0
        if head:
            wanted = [f"refs/remotes/origin/{name}" for name in (branch, base) if name]
            known = (await git.tell("for-each-ref", "--format=%(objectname)", *wanted)).split()
            unpushed = int(await git.tell("rev-list", "--count", head, "--not", *known))
    return {
        "branch": branch,
        "head": head,
        "unpushed": unpushed,
        "changed": sum(not line.startswith("#") for line in lines),
    }
