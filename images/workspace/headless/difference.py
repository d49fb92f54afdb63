"""How the branch differs from its base, in numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .git import Git
from .run import Run

_NUMBERS = re.compile(r"(\d+) (file|insertion|deletion)")


@dataclass(frozen=True, slots=True)
class Difference:
    head: str = ""
    commits: int = 0
    files: int = 0
    insertions: int = 0
    deletions: int = 0


def numbers_of(shortstat: str) -> tuple[int, int, int]:
    """Files, insertions and deletions in the line of `git diff --shortstat`."""
    found = {word: int(number) for number, word in _NUMBERS.findall(shortstat)}
    return found.get("file", 0), found.get("insertion", 0), found.get("deletion", 0)


async def difference(git: Git, run: Run, base: str) -> Difference:
    """What HEAD has and the base lacks. The base is where the branch started, and where its origin is now: a
    branch that took in the news of its base has not made them."""
    head = await git.ask("rev-parse", "HEAD")
    origin = await git.commit_of(f"refs/remotes/origin/{run.base}")
    known = [f"^{commit}" for commit in (base, origin) if commit]
    commits = int(await git.ask("rev-list", "--count", head, *known))
    start = base
    if origin:
        merged = await git.run("merge-base", origin, head)
        start = merged.answer.strip() if merged.ok else base
    files, insertions, deletions = numbers_of(await git.ask("diff", "--shortstat", start, head))
    return Difference(head, commits, files, insertions, deletions)
