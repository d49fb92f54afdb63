"""What happens to reviews of pull requests and to their comments: every change of them goes through here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from playground.github.errors import VALIDATION_FAILED, Refusal, invalid, not_found, refused
from playground.github.happenings import Happening
from playground.github.history import changes, compare
from playground.github.hub import Hub
from playground.github.issues import check_body
from playground.github.records import Account, Pull, Reaction, Review, ReviewComment, ReviewState
from playground.github.repositories import Repository

COMMENT, REVIEW = "PullRequestReviewComment", "PullRequestReview"
LINE = "pull_request_review_thread.line"
OWN_APPROVAL = "Can not approve your own pull request"
OWN_REFUSAL = "Can not request changes on your own pull request"

_HEADER = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@")


@dataclass(frozen=True, slots=True)
class DraftComment:
    """What a reviewer wants to say about a line, which counts in the new file."""

    path: str
    line: int
    body: str


def hunk_at(patch: str, line: int) -> str | None:
    """The hunk of a file's patch from its start to a line of the new file; None when the patch lacks the line."""
    hunk: list[str] = []
    number = 0
    for text in patch.split("\n"):
        header = _HEADER.match(text)
        if header is not None:
            hunk, number = [text], int(header[1]) - 1
            continue
        hunk.append(text)
        if text[:1] in {"+", " "}:
            number += 1
            if number == line:
                return "\n".join(hunk)
    return None


async def _hunks(
    repository: Repository, pull: Pull, commit: str, comments: Sequence[DraftComment]
) -> tuple[str, ...]:
    """The hunk of each comment, as the commit stood against the base. Raises Refusal."""
    if not comments:
        return ()
    base = pull.base_sha if pull.merged_at else await repository.branch_sha(pull.base)
    comparison = await compare(repository.git, base or pull.base_sha, commit)
    if comparison is None:
        raise invalid(COMMENT, "commit_id")
    files = await changes(repository.git, comparison.merge_base, commit)
    patches = {file.path: file.patch or "" for file in files}
    found = []
    for comment in comments:
        if comment.path not in patches:
            raise invalid(COMMENT, "path")
        hunk = hunk_at(patches[comment.path], comment.line)
        if hunk is None:
            problem = {"resource": COMMENT, "code": "custom", "field": LINE}
            raise Refusal(
                422, VALIDATION_FAILED, [{**problem, "message": f"{LINE} must be part of the diff"}]
            )
        found.append(hunk)
    return tuple(found)


async def _commit_of(repository: Repository, pull: Pull, asked: str | None) -> str:
    """The commit that a review is about: the head, or an earlier one of the pull request. Raises Refusal."""
    if asked is None or asked == pull.head_sha:
        return pull.head_sha
    sha = await repository.git.sha(asked)
    if sha != asked or not await repository.git.is_ancestor(sha, pull.head_sha):
        raise invalid(COMMENT, "commit_id")
    return sha


def _pull_of(repository: Repository, number: int) -> Pull:
    pull = repository.pulls.get(number)
    if pull is None:
        raise not_found()
    return pull


async def submit_review(
    hub: Hub,
    repository: Repository,
    number: int,
    author: Account,
    *,
    state: ReviewState,
    body: str,
    comments: Sequence[DraftComment] = (),
    commit_id: str | None = None,
) -> Review:
    """A review with its comments, all or nothing; about the head unless `commit_id` says otherwise.

    Raises Refusal for what GitHub refuses: a line outside the diff, an empty review, a verdict on one's own work.
    """
    pull = _pull_of(repository, number)
    check_body(REVIEW, body)
    if repository.issues[number].user == author and state is not ReviewState.COMMENTED:
        raise refused(REVIEW, OWN_APPROVAL if state is ReviewState.APPROVED else OWN_REFUSAL)
    empty = not body.strip() and not comments
    if state is not ReviewState.APPROVED and empty:
        raise invalid(REVIEW, "body", "missing_field")
    _check_texts([comment.body for comment in comments])
    commit = await _commit_of(repository, pull, commit_id)
    hunks = await _hunks(repository, pull, commit, comments)
    review = Review(hub.take_id(), number, author, body, state, commit, hub.clock())
    repository.reviews[review.id] = review
    made = [
        _keep(hub, repository, review, each.body, each.path, each.line, hunk)
        for each, hunk in zip(comments, hunks, strict=True)
    ]
    _tell(hub, repository, review, made)
    return review


async def add_review_comment(
    hub: Hub,
    repository: Repository,
    number: int,
    author: Account,
    draft: DraftComment,
    *,
    commit_id: str | None = None,
) -> ReviewComment:
    """One comment on a line, which is a review of its own without words. Raises Refusal."""
    review = await submit_review(
        hub,
        repository,
        number,
        author,
        state=ReviewState.COMMENTED,
        body="",
        comments=(draft,),
        commit_id=commit_id,
    )
    return comments_of_review(repository, review)[0]


def reply(hub: Hub, repository: Repository, to: ReviewComment, author: Account, body: str) -> ReviewComment:
    """An answer in the thread of a comment; it hangs on the thread's first one. Raises Refusal."""
    _check_texts([body])
    first = to.id if to.in_reply_to is None else to.in_reply_to
    review = Review(hub.take_id(), to.pull, author, "", ReviewState.COMMENTED, to.commit_id, hub.clock())
    repository.reviews[review.id] = review
    answer = _keep(hub, repository, review, body, to.path, to.line, to.diff_hunk, in_reply_to=first)
    _tell(hub, repository, review, [answer])
    return answer


def _check_texts(bodies: Sequence[str]) -> None:
    for body in bodies:
        if not body.strip():
            raise invalid(COMMENT, "body", "missing_field")
        check_body(COMMENT, body)


def _keep(
    hub: Hub,
    repository: Repository,
    review: Review,
    body: str,
    path: str,
    line: int,
    hunk: str,
    *,
    in_reply_to: int | None = None,
) -> ReviewComment:
    now = review.submitted_at
    comment = ReviewComment(
        id=hub.take_id(),
        review=review.id,
        pull=review.pull,
        user=review.user,
        body=body,
        path=path,
        line=line,
        diff_hunk=hunk,
        commit_id=review.commit_id,
        created_at=now,
        updated_at=now,
        in_reply_to=in_reply_to,
    )
    repository.review_comments[comment.id] = comment
    return comment


def _tell(hub: Hub, repository: Repository, review: Review, comments: Sequence[ReviewComment]) -> None:
    issue = repository.issues[review.pull]
    repository.issues[review.pull] = replace(issue, updated_at=hub.clock())
    hub.changes.notify()
    by, number = review.user, review.pull
    hub.happen(Happening("pull_request_review", "submitted", repository, by, issue=number, review=review))
    for comment in comments:
        hub.happen(
            Happening(
                "pull_request_review_comment",
                "created",
                repository,
                by,
                issue=number,
                review=review,
                review_comment=comment,
            )
        )


def edit_review(hub: Hub, repository: Repository, review: Review, body: str, by: Account) -> Review:
    """Another text for a review. Raises Refusal."""
    check_body(REVIEW, body)
    changed = replace(review, body=body, edited_at=hub.clock())
    repository.reviews[review.id] = changed
    hub.changes.notify()
    hub.happen(
        Happening(
            "pull_request_review",
            "edited",
            repository,
            by,
            issue=review.pull,
            review=changed,
            before=review.body,
        )
    )
    return changed


def edit_review_comment(
    hub: Hub, repository: Repository, comment: ReviewComment, body: str, by: Account
) -> ReviewComment:
    """Another text for a comment. Raises Refusal."""
    _check_texts([body])
    now = hub.clock()
    # A whole second later at least, because that is all that the API shows of a time.
    updated_at = max(now, comment.created_at + 1)
    changed = replace(comment, body=body, updated_at=updated_at, edited_at=now)
    repository.review_comments[comment.id] = changed
    hub.changes.notify()
    hub.happen(
        Happening(
            "pull_request_review_comment",
            "edited",
            repository,
            by,
            issue=comment.pull,
            review=repository.reviews.get(comment.review),
            review_comment=changed,
            before=comment.body,
        )
    )
    return changed


def delete_review_comment(hub: Hub, repository: Repository, comment: ReviewComment, by: Account) -> None:
    del repository.review_comments[comment.id]
    hub.changes.notify()
    hub.happen(
        Happening(
            "pull_request_review_comment",
            "deleted",
            repository,
            by,
            issue=comment.pull,
            review=repository.reviews.get(comment.review),
            review_comment=comment,
        )
    )


def minimize(hub: Hub, repository: Repository, id: int, minimized: bool = True) -> None:
    """Hide a comment, a review or a comment on a line, or show it again. Raises KeyError for an unknown id."""
    if id in repository.comments:
        repository.comments[id] = replace(repository.comments[id], minimized=minimized)
    elif id in repository.reviews:
        repository.reviews[id] = replace(repository.reviews[id], minimized=minimized)
    else:
        repository.review_comments[id] = replace(repository.review_comments[id], minimized=minimized)
    hub.changes.notify()


def set_reactions(
    hub: Hub, repository: Repository, comment: ReviewComment, reactions: tuple[Reaction, ...]
) -> None:
    repository.review_comments[comment.id] = replace(comment, reactions=reactions)
    hub.changes.notify()


def reviews_of(repository: Repository, number: int) -> tuple[Review, ...]:
    """The reviews of a pull request, oldest first."""
    return tuple(review for review in repository.reviews.values() if review.pull == number)


def comments_of_pull(repository: Repository, number: int) -> tuple[ReviewComment, ...]:
    """The comments on lines of a pull request, oldest first."""
    return tuple(each for each in repository.review_comments.values() if each.pull == number)


def comments_of_review(repository: Repository, review: Review) -> tuple[ReviewComment, ...]:
    return tuple(each for each in repository.review_comments.values() if each.review == review.id)
