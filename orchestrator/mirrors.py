"""One bare mirror per repository: workspaces borrow its objects instead of downloading them again."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.both import both
from orchestrator.forge import Forge
from orchestrator.git import GitError, git

_MISSING = re.compile(
    r"not found|does not exist|could not read username|authentication failed|\b40[134]\b", re.I
)
_NO_SUCH_REF = "couldn't find remote ref"
_SYMREF = re.compile(r"^ref: refs/heads/(\S+)\tHEAD$", re.M)

# Workspaces borrow objects for as long as they live, so nothing in a mirror may ever be collected.
_SETTINGS = {
    "gc.auto": "0",
    "maintenance.auto": "false",
    "gc.pruneExpire": "never",
}
_REFS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")


class RepositoryMissing(Exception):
    """The repository does not exist or the deployment's credential can't read it."""


class RepositoryUnreachable(Exception):
    """The code host did not answer properly; `str()` is git's last line."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """A mirror as it is after a refresh."""

    path: Path
    default_branch: str | None  # None while the repository is empty
    branches: frozenset[str]
    also: frozenset[str] = frozenset()  # of the further refs that were asked for, those that exist


class Mirrors:
    """The mirrors below `root`, refreshed one repository at a time."""

    def __init__(self, root: Path, forge: Forge) -> None:
        self._root = root
        self._forge = forge
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def path(self, repository: str) -> Path:
        """Where the mirror of `owner/name` is or will be."""
        return self._root / f"{repository.lower()}.git"

    async def prepare(self, repository: str) -> Path:
        """The folder of a mirror, made empty when it is not there, so that it can be mounted."""
        path = self.path(repository)
        if not (path / "config").exists():
            async with self._locks[repository.lower()]:
                await _create(path)
        return path

    async def refresh(self, repository: str, *, also: Sequence[str] = ()) -> Mirror:
        """Bring the mirror up to date; only what is new is downloaded.

        also: further refs by their full names (`refs/pull/7/head`), kept under the same names. One that the
        repository does not have any more is gone from the mirror too; nothing else is affected.

        Raises RepositoryMissing, RepositoryUnreachable, ForgeError.
        """
        path = await self.prepare(repository)
        url = self._forge.clone_url(repository)
        token = await self._forge.git_token(repository)
        try:
            async with self._locks[repository.lower()]:
                head, _ = await both(
                    git("ls-remote", "--symref", url, "HEAD", url=url, token=token),
                    git("fetch", "--prune", "--quiet", url, *_REFS, cwd=path, url=url, token=token),
                )
                found = {ref for ref in also if await _bring(path, ref, url, token)}
                listed = await git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads", cwd=path)
        except GitError as error:
            raise _explained(error) from error
        named = _SYMREF.search(head)
        default = named.group(1) if named else None
        if default is not None and default != await self.last_default(repository):
            await git("symbolic-ref", "HEAD", f"refs/heads/{default}", cwd=path)
        return Mirror(path, default, frozenset(listed.split()), frozenset(found))

    async def last_default(self, repository: str) -> str:
        """The default branch as of the last refresh, a guess before the first one. The folder must be there."""
        head = await asyncio.to_thread((self.path(repository) / "HEAD").read_text)
        return head.strip().removeprefix("ref: refs/heads/")

    async def remote_head(self, repository: str, branch: str) -> str | None:
        """The SHA that the code host has for a branch, None when it has no such branch.

        Raises RepositoryMissing, RepositoryUnreachable, ForgeError.
        """
        url = self._forge.clone_url(repository)
        token = await self._forge.git_token(repository)
        try:
            listed = await git("ls-remote", url, f"refs/heads/{branch}", url=url, token=token)
        except GitError as error:
            raise _explained(error) from error
        return listed.split()[0] if listed.strip() else None


async def _create(path: Path) -> None:
    await asyncio.to_thread(path.mkdir, parents=True, exist_ok=True)
    await git("init", "--quiet", "--bare", ".", cwd=path)
    for name, value in _SETTINGS.items():
        await git("config", name, value, cwd=path)


async def _bring(path: Path, ref: str, url: str, token: str | None) -> bool:
    """Fetch one ref; whether there is such a ref."""
    try:
        await git("fetch", "--quiet", "--no-tags", url, f"+{ref}:{ref}", cwd=path, url=url, token=token)
    except GitError as error:
        if _NO_SUCH_REF not in error.output:
            raise
        await git("update-ref", "-d", ref, cwd=path)
        return False
    return True


def _explained(error: GitError) -> Exception:
    if _MISSING.search(error.output):
        return RepositoryMissing(str(error))
    return RepositoryUnreachable(str(error))
