"""A repository: its bare git repository and what GitHub keeps beside it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from playground.github.access import Level
from playground.github.git import Git
from playground.github.records import Account, CheckRun, Comment, Issue, Label, Pull, Review, ReviewComment


@dataclass(frozen=True, slots=True)
class Protection:
    """What keeps a branch from being pushed to. `reviews`: pull requests into it need an approval to merge."""

    reviews: bool = False


class Repository:
    """One repository. Records are replaced, never changed, so that whoever holds one may keep it.

    `lock` is held while a decision and the ref update that follows it must see the same state.
    """

    def __init__(
        self,
        *,
        id: int,
        owner: Account,
        name: str,
        path: Path,
        private: bool,
        default_branch: str,
        description: str,
        created_at: float,
    ) -> None:
        self.id = id
        self.owner = owner
        self.name = name
        self.private = private
        self.default_branch = default_branch
        self.description = description
        self.archived = False
        self.created_at = created_at
        self.pushed_at = created_at
        self.git = Git(path)
        self.lock = asyncio.Lock()
        self.members: dict[str, Level] = {owner.login.lower(): Level.ADMIN}
        self.roles: dict[str, str] = {}
        """Roles that say more than the level does: `maintain`, `triage`."""
        self.labels: dict[str, Label] = {}
        self.issues: dict[int, Issue] = {}
        self.pulls: dict[int, Pull] = {}
        self.comments: dict[int, Comment] = {}
        self.reviews: dict[int, Review] = {}
        self.review_comments: dict[int, ReviewComment] = {}
        self.check_runs: dict[int, CheckRun] = {}
        self.protected: dict[str, Protection] = {}
        self.fork_of: Repository | None = None
        self.push_refusal: str | None = None
        self.bytes_sent = 0
        self.bytes_received = 0
        self._last_number = 0

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    def level_of(self, login: str) -> Level:
        """What an account may do here, a public repository's general right to read included."""
        level = self.members.get(login.lower(), Level.NONE)
        return Level.READ if level is Level.NONE and not self.private else level

    def set_level(self, login: str, level: Level, role: str = "") -> None:
        """What an account may do from now on; `role` where GitHub calls it something else than the level."""
        self.members[login.lower()] = level
        self.roles[login.lower()] = role

    def role_of(self, login: str) -> str:
        """The name of what an account may do: admin, maintain, write, triage, read or none."""
        return self.roles.get(login.lower()) or str(self.level_of(login))

    def take_number(self) -> int:
        """The next number: issues and pull requests share one row of them."""
        self._last_number += 1
        return self._last_number

    async def branch_sha(self, branch: str) -> str | None:
        return await self.git.sha(f"refs/heads/{branch}")

    def comments_of(self, number: int) -> tuple[Comment, ...]:
        """The comments of an issue or pull request, oldest first."""
        return tuple(comment for comment in self.comments.values() if comment.issue == number)
