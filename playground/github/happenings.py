"""What happened, as data: everything that GitHub sends a webhook for here."""

from __future__ import annotations

from dataclasses import dataclass

from playground.github.records import (
    Account,
    CheckRun,
    Comment,
    Label,
    Review,
    ReviewComment,
)
from playground.github.repositories import Repository


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that somebody did in a repository; what does not belong to the event is None.

    event, action: GitHub's names (`issue_comment`, `created`). issue: the number of the issue or pull request.
    before: the text that an edit has replaced, before_title: the title. suite: the check runs of one App on one
    commit, all completed.
    """

    event: str
    action: str
    repository: Repository
    sender: Account
    issue: int | None = None
    comment: Comment | None = None
    review: Review | None = None
    review_comment: ReviewComment | None = None
    label: Label | None = None
    assignee: Account | None = None
    check_run: CheckRun | None = None
    suite: tuple[CheckRun, ...] = ()
    before: str | None = None
    before_title: str | None = None
