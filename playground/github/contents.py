"""What is in a repository: making commits without a working tree, and reading files and folders."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from playground.github.git import Git, GitFailed
from playground.github.records import Account

ZERO = "0" * 40


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a folder: `kind` is `blob` (a file), `tree` (a folder) or `commit` (a submodule)."""

    name: str
    path: str
    kind: str
    sha: str
    size: int
    mode: str


def _clean(text: str) -> str:
    """A name as git takes it in a signature."""
    return "".join(character for character in text if character not in "<>\n\0") or "nobody"


def identity(author: Account, at: float) -> dict[str, str]:
    """The environment that makes `author` the author and committer of a commit."""
    date = f"{int(at)} +0000"
    return {
        "GIT_AUTHOR_NAME": _clean(author.name),
        "GIT_AUTHOR_EMAIL": author.email,
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_NAME": _clean(author.name),
        "GIT_COMMITTER_EMAIL": author.email,
        "GIT_COMMITTER_DATE": date,
    }


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def import_stream(
    branch: str,
    files: Mapping[str, str | bytes | None],
    message: str,
    author: Account,
    at: float,
    start: str | None,
) -> bytes:
    """One commit on `branch` as git fast-import reads it. A file whose content is None is removed."""
    signature = f"{_clean(author.name)} <{author.email}> {int(at)} +0000"
    parts = [f"commit refs/heads/{branch}\nauthor {signature}\ncommitter {signature}\n".encode()]
    parts.append(_data(message.encode()))
    if start is not None:
        parts.append(f"from {start}\n".encode())
    for path, content in files.items():
        if content is None:
            parts.append(f"D {_quoted(path)}\n".encode())
            continue
        parts.append(f"M 100644 inline {_quoted(path)}\n".encode())
        parts.append(_data(content.encode() if isinstance(content, str) else content))
    return b"".join(parts)


async def commit_files(
    git: Git,
    branch: str,
    files: Mapping[str, str | bytes | None],
    *,
    message: str,
    author: Account,
    at: float,
    start: str | None,
) -> str:
    """Add one commit to a branch (new when `start` is None or another branch's SHA); its SHA."""
    stream = import_stream(branch, files, message, author, at, start)
    await git.run("fast-import", "--quiet", "--force", stdin=stream)
    sha = await git.sha(f"refs/heads/{branch}")
    assert sha is not None
    return sha


async def commit_folder(
    git: Git, branch: str, folder: Path, *, message: str, author: Account, at: float
) -> str:
    """Make the first commit of a branch from a folder, ignored files included, `.git` left out; its SHA."""
    scratch = Path(tempfile.mkdtemp(prefix="index-", dir=git.path))
    index = {"GIT_INDEX_FILE": str(scratch / "index"), "GIT_WORK_TREE": str(folder), "GIT_DIR": str(git.path)}
    try:
        await git.run("-C", str(folder), "add", "--all", "--force", ".", env=index)
        tree = await git.text("write-tree", env=index)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    sha = await git.text("commit-tree", tree, "-m", message, env=identity(author, at))
    await git.update_ref(f"refs/heads/{branch}", sha, ZERO)
    return sha


async def read_file(git: Git, revision: str, path: str, *, limit: int = 8 * 1024 * 1024) -> bytes | None:
    """The content of a file at a revision, at most `limit` bytes of it; None when there is no such file."""
    try:
        return await git.run("cat-file", "blob", f"{revision}:{path}", limit=limit)
    except GitFailed:
        return None


async def list_folder(git: Git, revision: str, path: str = "") -> tuple[Entry, ...] | None:
    """Folders first, then files, by name; None when the folder does not exist."""
    inside = path.strip("/")
    try:
        output = await git.run("ls-tree", "-z", "--long", f"{revision}:{inside}")
    except GitFailed:
        return None
    entries = []
    for line in output.decode(errors="replace").split("\0"):
        if not line:
            continue
        meta, name = line.split("\t", 1)
        mode, kind, sha, size = meta.split()
        full = f"{inside}/{name}" if inside else name
        entries.append(Entry(name, full, kind, sha, 0 if size == "-" else int(size), mode))
    return tuple(sorted(entries, key=lambda entry: (entry.kind != "tree", entry.name.lower())))
