"""What was said and done in an issue or a pull request, as data for a page: oldest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from playground.github.api.users import author_association
from playground.github.history import Commit
from playground.github.records import (
    Account,
    AccountType,
    Comment,
    Issue,
    Label,
    Reaction,
    Review,
    ReviewComment,
    ReviewState,
)
from playground.github.repositories import Repository

EMOJI = {
    "+1": "👍",
    "-1": "👎",
    "laugh": "😄",
    "confused": "😕",
    "heart": "❤️",
    "hooray": "🎉",
    "rocket": "🚀",
    "eyes": "👀",
}
HUNK_LINES = 4
"""Lines above a line comment that are shown with it."""


class Kind(StrEnum):
    POST = "post"
    REVIEW = "review"
    COMMITS = "commits"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Count:
    """How often a reaction was given, and by whom."""

    content: str
    emoji: str
    count: int
    logins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Post:
    """A text by somebody. `id` is 0 for the text of the issue itself; `own`: the viewer may edit it."""

    id: int
    anchor: str
    author: Account
    role: str
    at: float
    body: str
    edited: bool
    minimized: bool
    reactions: tuple[Count, ...]
    own: bool
    kind: Kind = Kind.POST


@dataclass(frozen=True, slots=True)
class Thread:
    """Comments on one line, and the lines that they are about. `first` is the id of its first comment."""

    first: int
    path: str
    line: int
    hunk: str
    posts: tuple[Post, ...]


@dataclass(frozen=True, slots=True)
class ReviewPost:
    post: Post
    at: float
    state: ReviewState
    threads: tuple[Thread, ...]
    kind: Kind = Kind.REVIEW


@dataclass(frozen=True, slots=True)
class Pushed:
    at: float
    commits: tuple[Commit, ...]
    kind: Kind = Kind.COMMITS


@dataclass(frozen=True, slots=True)
class Note:
    """Something that somebody did without a text of their own. `by` is None where nobody noted who."""

    at: float
    action: str
    by: Account | None
    label: Label | None = None
    assignee: Account | None = None
    kind: Kind = Kind.NOTE


Item = Post | ReviewPost | Pushed | Note
MayEdit = Callable[[Account], bool]


def role_of(repository: Repository, account: Account) -> str:
    """The badge beside a name; empty for somebody who is nothing to the repository."""
    if account.type is AccountType.BOT:
        return "Bot"
    association = author_association(repository, account)
    return "" if association == "NONE" else association.capitalize()


def counted(reactions: Sequence[Reaction]) -> tuple[Count, ...]:
    """Reactions by kind, in GitHub's order."""
    found = []
    for content, emoji in EMOJI.items():
        logins = tuple(each.user.login for each in reactions if each.content == content)
        if logins:
            found.append(Count(content, emoji, len(logins), logins))
    return tuple(found)


def opening(repository: Repository, issue: Issue, may_edit: MayEdit) -> Post:
    """The text of an issue or pull request itself."""
    return Post(
        id=0,
        anchor="opening",
        author=issue.user,
        role=role_of(repository, issue.user),
        at=issue.created_at,
        body=issue.body or "",
        edited=issue.edited_at is not None,
        minimized=False,
        reactions=counted(issue.reactions),
        own=may_edit(issue.user),
    )


def _post(
    repository: Repository, record: Comment | Review | ReviewComment, anchor: str, may_edit: MayEdit
) -> Post:
    return Post(
        id=record.id,
        anchor=f"{anchor}{record.id}",
        author=record.user,
        role=role_of(repository, record.user),
        at=record.submitted_at if isinstance(record, Review) else record.created_at,
        body=record.body,
        edited=record.edited_at is not None,
        minimized=record.minimized,
        reactions=counted(record.reactions),
        own=may_edit(record.user),
    )


def tail(hunk: str) -> str:
    """The end of a hunk: the line that a comment is about, and a few before it."""
    head, *lines = hunk.split("\n")
    cut = len(lines) - HUNK_LINES
    if cut <= 0 or not head.startswith("@@"):
        return hunk
    skipped = lines[:cut]
    parts = head.split(" ")
    old, new = (part.lstrip("-+").split(",")[0] for part in parts[1:3])
    first_old = int(old) + sum(line[:1] in {" ", "-"} for line in skipped)
    first_new = int(new) + sum(line[:1] in {" ", "+"} for line in skipped)
    return "\n".join([f"@@ -{first_old} +{first_new} @@", *lines[cut:]])


def threads_of(repository: Repository, number: int, may_edit: MayEdit) -> dict[int, Thread]:
    """The threads on lines of a pull request, by the id of their first comment."""
    comments = [each for each in repository.review_comments.values() if each.pull == number]
    ids = {each.id for each in comments}
    found: dict[int, list[ReviewComment]] = {}
    for comment in comments:
        # What answers a comment that was deleted stands for itself.
        first = comment.in_reply_to if comment.in_reply_to in ids else comment.id
        found.setdefault(first or comment.id, []).append(comment)
    return {
        first: Thread(
            first=first,
            path=those[0].path,
            line=those[0].line,
            hunk=tail(those[0].diff_hunk),
            posts=tuple(_post(repository, each, "discussion_r", may_edit) for each in those),
        )
        for first, those in found.items()
    }


def reviews_of(repository: Repository, number: int, may_edit: MayEdit) -> list[ReviewPost]:
    """The reviews of a pull request with the threads that they began; those that only hold answers are left out."""
    threads = threads_of(repository, number, may_edit)
    found = []
    for review in repository.reviews.values():
        if review.pull != number:
            continue
        begun = tuple(
            thread for id, thread in threads.items() if repository.review_comments[id].review == review.id
        )
        if review.body or begun or review.state is not ReviewState.COMMENTED:
            post = _post(repository, review, "pullrequestreview-", may_edit)
            found.append(ReviewPost(post, review.submitted_at, review.state, begun))
    return found


def _pushes(commits: Iterable[Commit], not_before: float) -> list[Pushed]:
    """Each commit at its time; one that is older than the pull request came with it."""
    return [Pushed(max(each.committer.at.timestamp(), not_before), (each,)) for each in commits]


def _together(items: Sequence[Item]) -> tuple[Item, ...]:
    """Neighbouring commits as one item."""
    found: list[Item] = []
    for item in items:
        last = found[-1] if found else None
        if isinstance(item, Pushed) and isinstance(last, Pushed):
            found[-1] = Pushed(last.at, last.commits + item.commits)
        else:
            found.append(item)
    return tuple(found)


def timeline(
    repository: Repository,
    issue: Issue,
    *,
    commits: Sequence[Commit] = (),
    notes: Sequence[Note] = (),
    may_edit: MayEdit = lambda author: False,
) -> tuple[Item, ...]:
    """Everything after the opening, oldest first.

    commits: a pull request's, oldest first. notes: what was noted of labels, assignees and states.
    """
    pull = repository.pulls.get(issue.number)
    items: list[Item] = [
        _post(repository, each, "issuecomment-", may_edit) for each in repository.comments_of(issue.number)
    ]
    items += reviews_of(repository, issue.number, may_edit) if pull else []
    items += _pushes(commits, issue.created_at)
    items += notes
    if pull is not None and pull.merged_at is not None:
        items = [each for each in items if not _closed_by_merge(each, pull.merged_at)]
        items.append(Note(pull.merged_at, "merged", pull.merged_by))
    elif issue.closed_at is not None and not any(each.action == "closed" for each in notes):
        items.append(Note(issue.closed_at, "closed", None))
    return _together(sorted(items, key=lambda item: item.at))


def _closed_by_merge(item: Item, merged_at: float) -> bool:
    return isinstance(item, Note) and item.action == "closed" and item.at >= merged_at


def at_lines(threads: Mapping[int, Thread]) -> dict[tuple[str, int], list[Thread]]:
    """Threads by path and line."""
    found: dict[tuple[str, int], list[Thread]] = {}
    for thread in threads.values():
        found.setdefault((thread.path, thread.line), []).append(thread)
    return found
