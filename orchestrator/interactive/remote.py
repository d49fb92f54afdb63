"""What the code host has, asked from outside of the workspace."""

from __future__ import annotations

from orchestrator.git import GitError, git
from orchestrator.mirrors import Mirrors


class Remote:
    """Asks through the mirrors. Methods raise RepositoryMissing, RepositoryUnreachable, ForgeError."""

    def __init__(self, mirrors: Mirrors) -> None:
        self._mirrors = mirrors

    async def holds(self, repository: str, commit: str) -> bool:
        """Whether a branch of the repository reaches this commit, by its full name."""
        mirror = await self._mirrors.refresh(repository)
        try:
            found = await git(
                "for-each-ref", "--count=1", f"--contains={commit}", "refs/heads", cwd=mirror.path
            )
        except GitError:  # the repository has no such commit
            return False
        return bool(found.strip())

    async def at(self, repository: str, ref: str) -> str | None:
        """The commit that a ref is at, None when there is no such ref."""
        mirror = await self._mirrors.refresh(repository, also=[ref])
        if ref not in mirror.also:
            return None
        return (await git("rev-parse", "--verify", f"{ref}^{{commit}}", cwd=mirror.path)).strip()
