"""Commits and differences as data, read from git's own output formats."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from playground.github.git import Git, GitFailed

PATCH_LIMIT = 4 * 1024 * 1024
"""Bytes of patch read for one comparison. Files beyond have no patch, as GitHub leaves out large ones."""

FILE_PATCH_LIMIT = 512 * 1024
"""Bytes of patch that one file may have before it is left out."""

_COMMIT_FORMAT = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B%x00%x01"
_STATUSES = {"A": "added", "M": "modified", "D": "removed", "R": "renamed", "C": "copied", "T": "changed"}


@dataclass(frozen=True, slots=True)
class Signature:
    name: str
    email: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Commit:
    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str

    @property
    def subject(self) -> str:
        return self.message.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a difference. `patch` starts at the first `@@`; None for binary or very large files."""

    path: str
    status: str
    sha: str
    additions: int
    deletions: int
    patch: str | None = None
    previous_path: str | None = None
    binary: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """How `head` differs from the commit where it left `base`."""

    base: str
    head: str
    merge_base: str
    ahead_by: int
    behind_by: int


def parse_commits(output: bytes) -> tuple[Commit, ...]:
    """Commits from `git log` in the format that `log` asks for."""
    found = []
    for record in output.decode(errors="replace").split("\x00\x01"):
        parts = record.lstrip("\n").split("\x00")
        if len(parts) < 10:
            continue
        sha, tree, parents, an, ae, at, cn, ce, ct, message = parts[:10]
        found.append(
            Commit(
                sha=sha,
                tree=tree,
                parents=tuple(parents.split()),
                author=Signature(an, ae, datetime.fromisoformat(at)),
                committer=Signature(cn, ce, datetime.fromisoformat(ct)),
                message=message.rstrip("\n"),
            )
        )
    return tuple(found)


def parse_changes(output: bytes) -> tuple[FileChange, ...]:
    """Files from `git diff --raw --numstat -z --abbrev=40`, without their patches."""
    fields = output.decode(errors="replace").split("\x00")
    raw: list[tuple[str, str, str, str | None]] = []
    counts: list[tuple[int, int, bool]] = []
    position = 0
    while position < len(fields) and fields[position]:
        field = fields[position].lstrip("\n")
        if field.startswith(":"):
            _, _, _, new_sha, status = field.split(" ")
            if status[0] in "RC":
                raw.append((status[0], new_sha, fields[position + 2], fields[position + 1]))
                position += 3
            else:
                raw.append((status[0], new_sha, fields[position + 1], None))
                position += 2
        else:
            added, deleted, path = field.split("\t", 2)
            counts.append((0, 0, True) if added == "-" else (int(added), int(deleted), False))
            position += 1 if path else 3
    return tuple(
        FileChange(
            path=path,
            status=_STATUSES.get(status, "changed"),
            sha=sha,
            additions=added,
            deletions=deleted,
            previous_path=previous,
            binary=binary,
        )
        for (status, sha, path, previous), (added, deleted, binary) in zip(raw, counts, strict=True)
    )


def split_patch(output: bytes, cut: bool) -> list[str | None]:
    """Each file's part of a patch, from its first `@@`, in git's order; None where a file has no lines to show.

    `cut` says that the output was bounded: the last file is then incomplete and left out.
    """
    patches: list[str | None] = []
    lines: list[str] = []
    shown = False

    def close() -> None:
        text = "\n".join(lines)
        patches.append(text if lines and len(text) <= FILE_PATCH_LIMIT else None)

    started = False
    # Lines end at \n only: a \r or a form feed belongs to the file that is shown.
    for line in output.decode(errors="replace").removesuffix("\n").split("\n"):
        if line.startswith("diff --git "):
            if started:
                close()
            started, shown, lines = True, False, []
        elif shown or line.startswith("@@"):
            shown = True
            lines.append(line)
    if started and not cut:
        close()
    return patches


async def log(
    git: Git, revisions: str, *, limit: int = 250, skip: int = 0, path: str | None = None
) -> tuple[Commit, ...]:
    """Commits, newest first. Empty when the revision does not exist (a repository without commits)."""
    try:
        output = await git.run(
            "log",
            f"--format={_COMMIT_FORMAT}",
            f"--max-count={limit}",
            f"--skip={skip}",
            "--end-of-options",
            revisions,
            "--",
            *([path] if path else []),
        )
    except GitFailed:
        return ()
    return parse_commits(output)


async def compare(git: Git, base: str, head: str) -> Comparison | None:
    """How two commits relate; None when they share no history."""
    try:
        merge_base = await git.text("merge-base", base, head)
    except GitFailed:
        return None
    counts = await git.text("rev-list", "--left-right", "--count", f"{base}...{head}")
    behind, ahead = counts.split()
    return Comparison(base, head, merge_base, int(ahead), int(behind))


EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""git's name for the tree without files: what the first commit is compared with."""


async def changes(git: Git, old: str, new: str) -> tuple[FileChange, ...]:
    """Files that differ between two commits or trees, with their patches as far as PATCH_LIMIT goes."""
    common = ("diff", "-M", "--no-color", "--no-ext-diff", "--no-textconv")
    output = await git.run(*common, "--raw", "--numstat", "-z", "--abbrev=40", old, new)
    files = parse_changes(output)
    # One more process instead of one per file; the order of files is the same in both outputs.
    patch = await git.run(*common, "--patch", old, new, limit=PATCH_LIMIT)
    patches = split_patch(patch, cut=len(patch) >= PATCH_LIMIT)
    patches += [None] * (len(files) - len(patches))
    return tuple(
        FileChange(
            path=file.path,
            status=file.status,
            sha=file.sha,
            additions=file.additions,
            deletions=file.deletions,
            patch=None if file.binary else text,
            previous_path=file.previous_path,
            binary=file.binary,
        )
        for file, text in zip(files, patches, strict=False)
    )
