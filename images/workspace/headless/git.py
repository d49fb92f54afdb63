"""git in the workspace's repository, without prompts, editors, hooks or translated messages."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .processes import Outcome, output_of
from .run import Author

LOCAL_LIMIT = 600.0  # seconds for a command that only works on the disk

# The repository's hooks are for people who commit; saving what is there must not fail because of them.
_SETTINGS = ("core.hooksPath=/dev/null", "commit.gpgSign=false", "gc.auto=0", "advice.detachedHead=false")

# The index, HEAD, the configuration and packed references; single references; what maintenance writes.
_LOCKS = ("*.lock", "refs/**/*.lock", "objects/*.lock", "objects/info/**/*.lock", "worktrees/*/*.lock")


class GitError(Exception):
    """A command failed that has no reason to. `str()` is what git said."""


@dataclass(frozen=True, slots=True)
class Git:
    folder: Path
    author: Author

    async def run(
        self,
        *arguments: str,
        limit: float = LOCAL_LIMIT,
        environment: Mapping[str, str] | None = None,
        given: bytes | None = None,
    ) -> Outcome:
        """A command whose failure means something to the caller. `given` is its input."""
        settings = (*_SETTINGS, f"user.name={self.author.name}", f"user.email={self.author.email}")
        return await output_of(
            ["git", *(part for setting in settings for part in ("-c", setting)), *arguments],
            folder=self.folder,
            environment={**_plain_environment(), **(environment or {})},
            limit=limit,
            given=given,
        )

    async def ask(
        self, *arguments: str, environment: Mapping[str, str] | None = None, given: bytes | None = None
    ) -> str:
        """What a command prints. Raises GitError when it fails."""
        outcome = await self.run(*arguments, environment=environment, given=given)
        if not outcome.ok:
            raise GitError(f"git {' '.join(arguments)}\n{outcome.output}".strip())
        return outcome.answer.strip("\n")

    async def says(self, *arguments: str) -> bool:
        """Whether a command succeeds."""
        return (await self.run(*arguments)).ok

    async def commit_of(self, name: str) -> str | None:
        """The id of the commit that a name stands for, if there is one."""
        outcome = await self.run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        return outcome.answer.strip() if outcome.ok else None

    async def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `newer` contains `older` (a commit contains itself)."""
        return await self.says("merge-base", "--is-ancestor", older, newer)

    async def branch(self) -> str | None:
        """The branch that HEAD is on; None when HEAD is detached."""
        outcome = await self.run("symbolic-ref", "--quiet", "--short", "HEAD")
        return outcome.answer.strip() if outcome.ok else None

    async def is_clean(self) -> bool:
        return not await self.ask("status", "--porcelain")

    async def unlock(self) -> None:
        """Lets everything be written again after a git that was killed. No other git may be at work."""
        folder = await self.directory()
        for pattern in _LOCKS:
            for lock in folder.glob(pattern):
                lock.unlink(missing_ok=True)

    async def directory(self) -> Path:
        """The .git directory."""
        return Path(await self.ask("rev-parse", "--absolute-git-dir"))


def _plain_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    # The mirror belongs to another user; a local clone drops `-c` settings on its way to the mirror's side.
    system = {
        name: os.environ[name] for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM") if name in os.environ
    }
    return {**kept, **system, "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true", "LC_ALL": "C.UTF-8"}
