"""What the orchestrator needs of the place where repositories live, whichever that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from orchestrator.report import PullRequest


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose name is on the commits that Heddle makes."""

    name: str
    email: str


class ForgeError(Exception):
    """The code host refused or could not be reached; `str()` is one sentence for a person.

    status: of its HTTP answer, 0 without one.
    """

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class ForgeUnavailable(ForgeError):
    """The code host is away or asks for patience: the same may succeed later."""


class Forge(Protocol):
    """A code host. Every method may raise ForgeError."""

    def clone_url(self, repository: str) -> str:
        """The address git clones `owner/name` from, without a credential."""
        ...

    def branch_url(self, repository: str, branch: str) -> str:
        """The page of a branch."""
        ...

    async def identity(self, repository: str) -> Identity:
        """Who Heddle is to a repository, by the address that links its commits to its account."""
        ...

    async def git_token(self, repository: str) -> str | None:
        """A token that can read and write this repository over HTTP; None where none is needed."""
        ...

    async def open_pull_request(
        self, repository: str, *, branch: str, base: str, title: str, body: str
    ) -> PullRequest:
        """The open pull request of `branch`, made when there is none, its body brought up to date."""
        ...
