"""GitHub as tests of Heddle's side need it: the stand-in with a repository, and Heddle signed in to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.github.access import AccountAccess, AppAccess
from bot.github.client import GitHubClient
from bot.github.threads import Threads
from playground.github.server import GitHubStandIn

REPOSITORY = "acme/tally"


@dataclass(frozen=True, slots=True)
class Hosting:
    """`github` has `REPOSITORY`; `threads` are those of every client made here."""

    github: GitHubStandIn
    threads: Threads

    async def app(self) -> GitHubClient:
        """Heddle as an App, freshly started."""
        key = await self.github.app_private_key()
        access = AppAccess(self.github.app_id, key, self.github.api_url, self.threads)
        return GitHubClient(access, self.github.api_url, self.threads)

    def account(self, token: str | None = None) -> GitHubClient:
        """Heddle with one account's token, freshly started."""
        access = AccountAccess(token or self.github.token, self.github.api_url, self.threads)
        return GitHubClient(access, self.github.api_url, self.threads)

    def asked(self, method: str, ending: str) -> int:
        """How many requests had this method and a path that ends so."""
        return len(
            [call for call in self.github.calls if call.method == method and call.path.endswith(ending)]
        )


@asynccontextmanager
async def hosting(root: Path) -> AsyncIterator[Hosting]:
    async with GitHubStandIn(root=root) as github:
        await github.create_repository(REPOSITORY, files={"tally.py": "total = 0\n"})
        yield Hosting(github, Threads())
