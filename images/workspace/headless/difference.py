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
    """What HEAD has and the base lacks. `base` is the commit where the workspace began (clone.base_of); what the
    base branch has by now counts as known too: a branch that took in the news of its base has not made them."""
    head = await git.ask("rev-parse", "HEAD")
    origin = await git.commit_of(f"refs/remotes/origin/{run.base}")
    known = [f"^{commit}" for commit in (base, origin) if commit]
    commits = int(await git.ask("rev-list", "--count", head, *known))
    start = await _compared_with(git, base, origin, head) if origin else base
    files, insertions, deletions = numbers_of(await git.ask("diff", "--shortstat", start, head))
    return Difference(head, commits, files, insertions, deletions)


async def _compared_with(git: Git, base: str, origin: str, head: str) -> str:
    """The tree or commit that shows in a diff to `head` only what was made in the workspace."""
    outcome = await git.run("merge-base", origin, head)
    merged = outcome.answer.strip()
    if not outcome.ok:
        return base
    if await git.is_ancestor(base, origin):
        return merged
    if await git.is_ancestor(merged, base):
        return base
    # A branch of others that took in the news of its base: compare with the same branch and the same news.
    both = await git.run("merge-tree", "--write-tree", base, merged)
    tree = both.answer.split("\n", 1)[0]
    return tree if both.code in (0, 1) and tree else base
