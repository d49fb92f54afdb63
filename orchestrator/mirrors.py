"""One bare mirror per repository: workspaces borrow its objects instead of downloading them again."""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.both import both
from orchestrator.cleaning.sizes import size_of
from orchestrator.forge import Forge
from orchestrator.git import GitError, git

_MISSING = re.compile(
    r"not found|does not exist|could not read username|authentication failed|\b40[134]\b", re.I
)
_MOVED = "stale info"  # what git says when a ref is not where it was thought to be
_NO_SUCH_REF = "couldn't find remote ref"
_SYMREF = re.compile(r"^ref: refs/heads/(\S+)\tHEAD$", re.M)

# Workspaces borrow objects for as long as they live, so nothing in a mirror may ever be collected.
_SETTINGS = {
    "gc.auto": "0",
    "maintenance.auto": "false",
    "gc.pruneExpire": "never",
}
_STAMP = "heddle-used"  # touched at each use
_GOING = ".going"  # below the root: what was renamed away to be removed
_HALF_DONE = ("objects/pack/tmp_*", "objects/pack/.tmp-*", "objects/??/tmp_obj_*", "objects/incoming-*")
"""What a git that was killed leaves behind."""
_OLD_SECONDS = 24 * 3600.0  # no fetch takes so long
_HEDDLE_REFS = ("HEAD", "refs/heddle/*", "refs/heads/heddle/*")
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


@dataclass(frozen=True, slots=True)
class MirrorUse:
    """A mirror on disk. repository: in lower case; used_at: when somebody last asked for it; size: bytes."""

    repository: str
    size: int
    used_at: float


class Mirrors:
    """The mirrors below `root`, refreshed one repository at a time."""

    def __init__(self, root: Path, forge: Forge) -> None:
        self._root = root
        self._forge = forge
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # while git works in it
        # While it is looked for or taken away; taken after the other one, and only for moments.
        self._places: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def path(self, repository: str) -> Path:
        """Where the mirror of `owner/name` is or will be."""
        return self._root / f"{repository.lower()}.git"

    async def prepare(self, repository: str) -> Path:
        """The folder of a mirror, made empty when it is not there, so that it can be mounted."""
        path = self.path(repository)
        async with self._places[repository.lower()]:
            if not (path / "config").exists():
                await _create(path)
            await asyncio.to_thread(_stamp, path)
        return path

    async def refresh(self, repository: str, *, also: Sequence[str] = ()) -> Mirror:
        """Bring the mirror up to date; only what is new is downloaded.

        also: further refs by their full names (`refs/pull/7/head`), kept under the same names. One that the
        repository does not have any more is gone from the mirror too; nothing else is affected.

        Raises RepositoryMissing, RepositoryUnreachable, ForgeError.
        """
        url = self._forge.clone_url(repository)
        token = await self._forge.git_token(repository)
        async with self._locks[repository.lower()]:
            path = await self.prepare(repository)
            try:
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

    async def refs(self, repository: str) -> dict[str, str]:
        """The commits of HEAD, of `refs/heddle/…` and of the branches `heddle/…` that the code host has now.

        Raises RepositoryMissing, RepositoryUnreachable, ForgeError.
        """
        url = self._forge.clone_url(repository)
        token = await self._forge.git_token(repository)
        try:
            listed = await git("ls-remote", url, *_HEDDLE_REFS, url=url, token=token)
        except GitError as error:
            raise _explained(error) from error
        return {name: commit for commit, name in (line.split("\t") for line in listed.splitlines())}

    async def remove_ref(self, repository: str, ref: str, commit: str) -> bool:
        """Delete a ref on the code host if it is still at `commit`; False when it is not.

        Raises RepositoryMissing, RepositoryUnreachable, ForgeError.
        """
        url = self._forge.clone_url(repository)
        token = await self._forge.git_token(repository)
        with tempfile.TemporaryDirectory() as folder:
            try:
                await git("init", "--quiet", "--bare", ".", cwd=Path(folder))
                lease = f"--force-with-lease={ref}:{commit}"
                await git("push", "--quiet", lease, url, f":{ref}", cwd=Path(folder), url=url, token=token)
            except GitError as error:
                if _MOVED in error.output:
                    return False
                raise _explained(error) from error
        return True

    async def reaches(self, repository: str, head: str, commit: str) -> bool | None:
        """Whether `head`'s history has `commit`, None when the mirror does not know both. Asks nobody."""
        path = self.path(repository)
        if not (path / "config").exists():
            return None
        with suppress(GitError):
            for known in (head, commit):
                await git("cat-file", "-e", f"{known}^{{commit}}", cwd=path)
            return not await git("rev-list", "--max-count=1", commit, f"^{head}", "--", cwd=path)
        return None

    def busy(self, repository: str) -> bool:
        """Whether git works in the mirror right now."""
        return self._locks[repository.lower()].locked()

    async def held(self) -> list[MirrorUse]:
        """All mirrors, with what each takes. Reads the folders in a thread."""
        return await asyncio.to_thread(self._held)

    async def leftovers(self, now: float) -> dict[str, int]:
        """What is of no use to anybody, by its path below the root, with its bytes."""
        return await asyncio.to_thread(self._leftovers, now)

    async def clear(self, names: Sequence[str], now: float) -> list[str]:
        """Remove these leftovers, as far as they still are; those that are gone now."""

        def remove() -> list[str]:
            known = self._leftovers(now)
            gone = [name for name in names if name in known]
            for name in gone:
                _remove(self._root / name)
            return gone

        return await asyncio.to_thread(remove)

    async def remove(self, repository: str, unused: Callable[[], Awaitable[bool]]) -> bool:
        """Remove a mirror that nobody works in, if `unused` still says so; whether it is gone.

        It is renamed away first: whoever asks for it next gets a new one, and a crash leaves a leftover, not half
        a mirror. `unused` is asked while nobody can get at the mirror.
        """
        key = repository.lower()
        if self.busy(key):
            return False
        async with self._locks[key], self._places[key]:
            path = self.path(repository)
            if not path.exists() or not await unused():
                return False
            going = self._root / _GOING / f"{secrets.token_hex(6)}-{path.name}"
            await asyncio.to_thread(_rename, path, going)
        await asyncio.to_thread(_remove, going)
        with suppress(OSError):  # the owner's folder, if this was the last one
            await asyncio.to_thread(path.parent.rmdir)
        return True

    def _held(self) -> list[MirrorUse]:
        return [
            MirrorUse(
                repository=path.relative_to(self._root).as_posix().removesuffix(".git"),
                size=size_of(path),
                used_at=_used_at(path),
            )
            for path in sorted(self._root.glob("[!.]*/*.git"))
            if path.is_dir()
        ]

    def _leftovers(self, now: float) -> dict[str, int]:
        found = list((self._root / _GOING).glob("*"))
        for pattern in _HALF_DONE:
            found += [path for path in self._root.glob(f"[!.]*/*.git/{pattern}") if _is_old(path, now)]
        return {path.relative_to(self._root).as_posix(): size_of(path) for path in sorted(found)}


async def _create(path: Path) -> None:
    await asyncio.to_thread(path.mkdir, parents=True, exist_ok=True)
    await git("init", "--quiet", "--bare", ".", cwd=path)
    for name, value in _SETTINGS.items():
        await git("config", name, value, cwd=path)


def _stamp(path: Path) -> None:
    with suppress(OSError):  # a full disk: the mirror is of use all the same
        (path / _STAMP).touch()


def _used_at(path: Path) -> float:
    for known in (path / _STAMP, path):
        with suppress(OSError):
            return known.stat().st_mtime
    return time.time()


def _is_old(path: Path, now: float) -> bool:
    try:
        return now - path.stat().st_mtime > _OLD_SECONDS
    except OSError:
        return False


def _rename(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    path.rename(to)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


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
