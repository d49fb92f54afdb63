"""What this GitHub keeps about people, issues and pull requests, as data. Times are seconds since the epoch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AccountType(StrEnum):
    USER = "User"
    ORGANIZATION = "Organization"
    BOT = "Bot"


@dataclass(frozen=True, slots=True)
class Account:
    """A person, an organization, or the bot of an App."""

    id: int
    login: str
    name: str
    email: str
    type: AccountType = AccountType.USER
    created_at: float = 0.0


class IssueState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Label:
    id: int
    name: str
    color: str = "ededed"
    description: str = ""


@dataclass(frozen=True, slots=True)
class Reaction:
    id: int
    user: Account
    content: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Comment:
    id: int
    issue: int
    user: Account
    body: str
    created_at: float
    updated_at: float
    reactions: tuple[Reaction, ...] = ()
    edited_at: float | None = None
    minimized: bool = False


@dataclass(frozen=True, slots=True)
class Issue:
    """What issues and pull requests have in common; a pull request has a `Pull` of the same number too."""

    id: int
    number: int
    title: str
    body: str | None
    user: Account
    created_at: float
    updated_at: float
    state: IssueState = IssueState.OPEN
    closed_at: float | None = None
    labels: tuple[Label, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    assignees: tuple[Account, ...] = ()
    edited_at: float | None = None


@dataclass(frozen=True, slots=True)
class Pull:
    """The part of a pull request that an issue lacks.

    head_repository: the full name of the fork that the head is in; empty when it is in the repository itself.
    """

    id: int
    number: int
    base: str
    head: str
    base_sha: str
    head_sha: str
    draft: bool = False
    merged_at: float | None = None
    merged_by: Account | None = None
    merge_commit_sha: str | None = None
    head_repository: str = ""


class ReviewState(StrEnum):
    APPROVED = "APPROVED"
    CHANGES_REQUESTED = "CHANGES_REQUESTED"
    COMMENTED = "COMMENTED"


@dataclass(frozen=True, slots=True)
class Review:
    """A review as it was submitted; its comments are `ReviewComment`s with its id."""

    id: int
    pull: int
    user: Account
    body: str
    state: ReviewState
    commit_id: str
    submitted_at: float
    edited_at: float | None = None
    minimized: bool = False
    reactions: tuple[Reaction, ...] = ()


@dataclass(frozen=True, slots=True)
class ReviewComment:
    """A comment on a line of a pull request's diff. `line` counts in the new file."""

    id: int
    review: int
    pull: int
    user: Account
    body: str
    path: str
    line: int
    diff_hunk: str
    commit_id: str
    created_at: float
    updated_at: float
    edited_at: float | None = None
    minimized: bool = False
    in_reply_to: int | None = None
    reactions: tuple[Reaction, ...] = ()


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request as a test wants to see it. `state` is open, closed or merged."""

    number: int
    title: str
    body: str
    state: str
    head: str
    base: str
    head_sha: str
    author: str
    url: str


@dataclass(frozen=True, slots=True)
class CheckRun:
    id: int
    name: str
    head_sha: str
    status: str
    started_at: float
    app_slug: str
    conclusion: str | None = None
    completed_at: float | None = None
    details_url: str | None = None
    external_id: str = ""
    title: str | None = None
    summary: str | None = None
    text: str | None = None
