"""What a GitHub conversation is about: an issue or a pull request as GitHub has it, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SubjectKind(StrEnum):
    ISSUE = "issue"
    PULL_REQUEST = "pull request"


class SubjectState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote something. `login` is empty for an account that is gone. `association`: GitHub's word for how
    the account belongs to the repository (`OWNER`, `MEMBER`, `NONE`, …)."""

    login: str
    association: str = "NONE"
    bot: bool = False


@dataclass(frozen=True, slots=True)
class Post:
    """A text that somebody wrote, and when (seconds since the epoch).

    id: GitHub's number; 0 for the text of an issue or pull request itself. html: the same text as GitHub shows
    it, where the addresses of private images carry what is needed to fetch them.
    """

    id: int
    author: Author
    body: str
    created_at: float
    edited_at: float | None = None
    minimized: bool = False
    html: str = ""


@dataclass(frozen=True, slots=True)
class LineComment:
    """A comment on a line of a diff. `line` is None where the line is gone."""

    post: Post
    path: str
    line: int | None
    hunk: str


@dataclass(frozen=True, slots=True)
class Review:
    """`post.created_at` is when it was submitted. `verdict`: `APPROVED`, `CHANGES_REQUESTED` or `COMMENTED`."""

    post: Post
    verdict: str
    comments: tuple[LineComment, ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """The branch that a pull request brings. `fork`: it is in another repository (or in none any more)."""

    branch: str
    sha: str
    fork: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """An issue or a pull request with what was said in it, oldest first. `head` and `base` are a pull request's.

    default_branch: of the repository; empty where it has none.
    """

    repository: str
    number: int
    kind: SubjectKind
    state: SubjectState
    title: str
    url: str
    opening: Post
    posts: tuple[Post, ...] = ()
    reviews: tuple[Review, ...] = ()
    head: Head | None = None
    base: str = ""
    default_branch: str = ""
