"""The protection of one workspace's repository: applied before Claude works, lifted before git does."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Collection, Iterable
from pathlib import Path

from .clone import BaseMissing
from .git import Git, GitError
from .protection import EXECUTABLE, LINK, MODULES, Entry, is_protected, plan, root_of
from .run import Run
from .work import keep

FIRST_LINE, LAST_LINE = "# Heddle: the base branch's files, no part of this branch", "# Heddle: end"
_OURS = re.compile(f"^{FIRST_LINE}$.*?^{LAST_LINE}$\n?", re.M | re.S)


class Guard:
    """Puts the base's configuration in the branch's place, so that git does not notice: what the branch has is
    marked skip-worktree, the rest is excluded. Which files are only the base's is recorded in the workspace."""

    def __init__(self, git: Git, run: Run) -> None:
        self._git = git
        self._run = run
        self._record = run.workspace / "protected"

    async def apply(self) -> None:
        """Does it anew, whatever was there before. Raises BaseMissing, GitError, OSError: then Claude must not
        start."""
        await self.lift()
        git = self._git
        if await git.commit_of(f"refs/remotes/origin/{self._run.base}") is None:
            raise BaseMissing(f"{self._run.base} is not a branch of the repository")
        base = _entries(await git.ask("ls-tree", "-r", "-z", f"refs/remotes/origin/{self._run.base}"))
        branch, unmerged = _staged(await git.ask("ls-files", "--stage", "-z"))
        links = await self._contents(entry.id for entry in base.values() if entry.mode == LINK)
        planned = plan(branch, base, {id: os.fsdecode(content) for id, content in links.items()})
        hidden, added = planned.hidden, planned.added - unmerged
        written = {path: entry for path, entry in planned.written.items() if path not in unmerged}
        if not hidden and not written:
            return
        contents = await self._contents(entry.id for entry in written.values())
        if hidden.intersection((await git.ask("diff", "--name-only", "-z")).split("\0")):
            await keep(git, self._run)  # changes that nobody has committed would be gone
        self._record.write_bytes(_joined(added))
        await self._update_index(hidden, "--skip-worktree")
        await self._exclude(added)
        for path in sorted(hidden):
            self._remove(path)
        for path, entry in sorted(written.items()):
            self._write(path, contents[entry.id], executable=entry.mode == EXECUTABLE)
        if MODULES in hidden and MODULES not in written:
            self._write(MODULES, b"", executable=False)  # without the file git reads the index's
        await self._cover(added, hidden)

    async def lift(self) -> None:
        """Puts back what the branch has. Raises GitError, OSError."""
        if not self._record.exists() and not self._run.untrusted:
            return
        git = self._git
        await git.unlock()
        recorded = self._record.read_bytes() if self._record.exists() else b""
        added = {path for path in map(os.fsdecode, recorded.split(b"\0")) if is_protected(path)}
        tagged = [line for line in (await git.ask("ls-files", "-t", "-z")).split("\0") if line]
        skipped = {line[2:] for line in tagged if line.startswith("S ") and is_protected(line[2:])}
        for path in sorted(added - ({line[2:] for line in tagged} - skipped)):
            self._remove(path)
        await self._update_index(skipped & added, "--force-remove")
        hidden = skipped - added
        if hidden:
            # The marks last: in between git would take the base's files for changes.
            options = ("--force", "--index", "--ignore-skip-worktree-bits", "-z", "--stdin")
            await git.ask("checkout-index", *options, given=_joined(hidden))
            await self._update_index(hidden, "--no-skip-worktree")
        await self._exclude(())
        self._record.unlink(missing_ok=True)

    async def _contents(self, ids: Iterable[str]) -> dict[str, bytes]:
        """Blobs by id."""
        asked = "".join(f"{id}\n" for id in sorted(set(ids)))
        if not asked:
            return {}
        outcome = await self._git.run("cat-file", "--batch", given=asked.encode())
        if not outcome.ok:
            raise GitError(outcome.output)
        left, found = outcome.answer.encode("utf-8", "surrogateescape"), dict[str, bytes]()
        while left:
            header, _, rest = left.partition(b"\n")
            fields = header.decode().split()
            if fields[1] != "blob":
                raise GitError(header.decode())
            found[fields[0]], left = rest[: int(fields[2])], rest[int(fields[2]) + 1 :]
        return found

    async def _update_index(self, paths: Collection[str], flag: str) -> None:
        if paths:
            await self._git.ask("update-index", flag, "-z", "--stdin", given=_joined(paths))

    async def _exclude(self, paths: Collection[str]) -> None:
        """Heddle's part of .git/info/exclude."""
        path = await self._git.directory() / "info" / "exclude"
        path.parent.mkdir(exist_ok=True)
        before = path.read_bytes().decode("utf-8", "surrogateescape") if path.exists() else ""
        after = _OURS.sub("", before)
        if paths:
            after += "" if after.endswith("\n") or not after else "\n"
            after += "\n".join([FIRST_LINE, *map(_pattern_of, sorted(paths)), LAST_LINE, ""])
        if after != before:
            path.write_bytes(after.encode("utf-8", "surrogateescape"))

    async def _cover(self, added: Collection[str], hidden: Collection[str]) -> None:
        """The branch's .gitignore can call excluded files back. Those are made known to the index without content,
        so that no commit takes them."""
        if not added:
            return
        listed = await self._git.ask("ls-files", "--others", "--exclude-standard", "-z")
        called_back = set(listed.split("\0")).intersection(added)
        impossible = {path for path in called_back if any(_overlap(path, other) for other in hidden)}
        for path in impossible:
            self._remove(path)
        coverable = called_back - impossible
        if coverable:
            options = ("--intent-to-add", "--force", "--pathspec-from-file=-", "--pathspec-file-nul")
            await self._git.ask("--literal-pathspecs", "add", *options, given=_joined(coverable))
            await self._update_index(coverable, "--skip-worktree")

    def _remove(self, path: str) -> None:
        """Takes a path out of the work tree, with the protected folders that are empty then."""
        steps = self._steps(path)
        for step in steps:
            if step == steps[-1] or not _is_folder(step):
                _clear(step)
                break
        for folder in reversed(steps[:-1]):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _write(self, path: str, content: bytes, *, executable: bool) -> None:
        steps = self._steps(path)
        if not steps:
            return
        for step in steps:
            if step == steps[-1] or not _is_folder(step):
                _clear(step)
        steps[-1].parent.mkdir(parents=True, exist_ok=True)
        steps[-1].write_bytes(content)
        steps[-1].chmod(0o755 if executable else 0o644)

    def _steps(self, path: str) -> list[Path]:
        """The places from the protected name down to the path; none when the folder above it is a link or a file:
        nothing is ever touched through a link."""
        root = root_of(path) or path
        above, below = root.count("/"), path.split("/")
        folders = [self._git.folder.joinpath(*below[:depth]) for depth in range(1, above + 1)]
        if any(not _is_folder(folder) and os.path.lexists(folder) for folder in folders):
            return []
        return [self._git.folder.joinpath(*below[:depth]) for depth in range(above + 1, len(below) + 1)]


def _is_folder(place: Path) -> bool:
    return place.is_dir() and not place.is_symlink()


def _clear(place: Path) -> None:
    try:
        mode = place.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISDIR(mode):
        shutil.rmtree(place)
    else:
        place.unlink()


def _overlap(path: str, other: str) -> bool:
    """Whether one would be a folder above the other."""
    return path.startswith(f"{other}/") or other.startswith(f"{path}/")


def _pattern_of(path: str) -> str:
    """A line for .git/info/exclude that stands for this path, whatever characters are in it."""
    return "/" + re.sub(r"[\r\n]", "?", re.sub(r"([\\*?\[ ])", r"\\\1", path))


def _entries(listed: str) -> dict[str, Entry]:
    """What `git ls-tree -r -z` says."""
    lines = [line.split("\t", 1) for line in listed.split("\0") if line]
    return {path: Entry(fields.split()[0], fields.split()[2]) for fields, path in lines}


def _staged(listed: str) -> tuple[dict[str, Entry], set[str]]:
    """What `git ls-files --stage -z` says: the entries, and the paths with a conflict."""
    lines = [line.split("\t", 1) for line in listed.split("\0") if line]
    entries = {path: Entry(*fields.split()[:2]) for fields, path in lines if fields.endswith(" 0")}
    return entries, {path for _, path in lines} - entries.keys()


def _joined(paths: Iterable[str]) -> bytes:
    return b"".join(path.encode("utf-8", "surrogateescape") + b"\0" for path in sorted(paths))
