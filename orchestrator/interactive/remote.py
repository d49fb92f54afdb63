"""What the code host has, asked and changed from outside of the workspace."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.forge import Forge
from orchestrator.git import GitError, git
from orchestrator.mirrors import Mirrors

_MISSING = "remote ref does not exist"  # git's words
_OTHER = "stale info"


class Remote:
    """Asks through the mirrors. Methods raise RepositoryMissing, RepositoryUnreachable, ForgeError."""

    def __init__(self, mirrors: Mirrors, forge: Forge) -> None:
        self._mirrors = mirrors
        self._forge = forge

    async def holds(self, repository: str, commit: str, also: Sequence[str] = ()) -> bool:
        """Whether a branch of the repository, or one of the refs `also`, reaches this commit, by its full name."""
        mirror = await self._mirrors.refresh(repository, also=also)
        try:
            found = await git(
                *("for-each-ref", "--count=1", f"--contains={commit}", "refs/heads"),
                *sorted(mirror.also),
                cwd=mirror.path,
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

    async def remove(self, repository: str, ref: str, commit: str = "") -> bool:
        """Remove a ref, if there is one; False when it is not at `commit`, where that is given. Raises GitError besides."""
        url = self._forge.clone_url(repository)
        path = await self._mirrors.prepare(repository)  # git pushes from a repository only
        token = await self._forge.git_token(repository)
        lease = [f"--force-with-lease={ref}:{commit}"] if commit else []
        try:
            await git("push", "--quiet", *lease, url, f":{ref}", cwd=path, url=url, token=token)
        except GitError as error:
            if _MISSING in error.output or _OTHER in error.output:
                return False
            raise
        return True
