"""What GraphQL shows: records as the objects of the schema, found by their node ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from playground.github.access import Caller, Level, TokenKind, Verdict, can_see, decide
from playground.github.api.route import stamp
from playground.github.api.users import author_association
from playground.github.body_html import body_html
from playground.github.errors import NOT_ACCESSIBLE
from playground.github.graphql_pages import Node, Problem, connection
from playground.github.hub import Hub
from playground.github.pulls import head_repository
from playground.github.records import (
    Account,
    AccountType,
    Comment,
    Issue,
    Label,
    Pull,
    Reaction,
    Review,
    ReviewComment,
)
from playground.github.repositories import Repository
from playground.github.reviews import comments_of_pull, comments_of_review, reviews_of

GHOST = "ghost"
"""The login of whoever has written what a deleted account wrote."""

REACTION_NAMES: Mapping[str, str] = {
    "THUMBS_UP": "+1",
    "THUMBS_DOWN": "-1",
    "LAUGH": "laugh",
    "HOORAY": "hooray",
    "CONFUSED": "confused",
    "HEART": "heart",
    "ROCKET": "rocket",
    "EYES": "eyes",
}
CONTENTS = {rest: name for name, rest in REACTION_NAMES.items()}


@dataclass(frozen=True, slots=True)
class Subject:
    """What can be reacted to, and where it is kept. `number`: the issue or pull request that it belongs to."""

    repository: Repository
    number: int
    record: Issue | Comment | Review | ReviewComment

    def react(self, reactions: tuple[Reaction, ...]) -> Subject:
        """The subject with these reactions, which are now kept."""
        kept, record = self.repository, self.record
        match record:
            case Issue():
                record = kept.issues[record.number] = replace(record, reactions=reactions)
            case Comment():
                record = kept.comments[record.id] = replace(record, reactions=reactions)
            case Review():
                record = kept.reviews[record.id] = replace(record, reactions=reactions)
            case ReviewComment():
                record = kept.review_comments[record.id] = replace(record, reactions=reactions)
        return Subject(kept, self.number, record)


def find_subject(hub: Hub, node_id: str) -> Subject | None:
    """The issue, pull request, comment or review with this node id."""
    prefix, _, digits = node_id.rpartition("_")
    if not digits.isascii() or not digits.isdecimal():
        return None
    id = int(digits)
    for repository in hub.repositories.values():
        record: Issue | Comment | Review | ReviewComment | None = None
        match prefix:
            case "I":
                record = next((each for each in repository.issues.values() if each.id == id), None)
            case "PR":
                pull = next((each for each in repository.pulls.values() if each.id == id), None)
                record = repository.issues[pull.number] if pull is not None else None
            case "IC":
                record = repository.comments.get(id)
            case "PRR":
                record = repository.reviews.get(id)
            case "PRRC":
                record = repository.review_comments.get(id)
        if record is not None:
            return Subject(repository, _number_of(record), record)
    return None


def _number_of(record: Issue | Comment | Review | ReviewComment) -> int:
    match record:
        case Issue():
            return record.number
        case Comment():
            return record.issue
        case _:
            return record.pull


def verdict_on(caller: Caller, subject: Subject, needed: Level) -> Verdict:
    """May the caller read it, or (WRITE) react to it? As REST decides."""
    if caller.kind is not TokenKind.INSTALLATION:
        return Verdict.ALLOWED if can_see(caller, subject.repository) else Verdict.HIDDEN
    names = ["pull_requests"] if subject.number in subject.repository.pulls else ["issues"]
    if isinstance(subject.record, Issue | Comment) and "issues" not in names:
        names.append("issues")
    verdicts = [decide(caller, subject.repository, name, needed) for name in names]
    return Verdict.ALLOWED if Verdict.ALLOWED in verdicts else verdicts[0]


def check_subject(caller: Caller, subject: Subject | None, needed: Level, missing: str) -> Subject:
    """The subject, where the caller may have it. Raises Problem."""
    verdict = Verdict.HIDDEN if subject is None else verdict_on(caller, subject, needed)
    if subject is None or verdict is Verdict.HIDDEN:
        raise Problem("NOT_FOUND", missing)
    if verdict is not Verdict.ALLOWED:
        raise Problem("FORBIDDEN", NOT_ACCESSIBLE)
    return subject


class Nodes:
    """The objects as one caller sees them."""

    def __init__(self, hub: Hub, caller: Caller) -> None:
        self._hub = hub
        self._caller = caller

    def actor(self, account: Account | None) -> Node | None:
        """None for an account that was deleted."""
        if account is None or account.login == GHOST:
            return None
        # An App's login has its suffix in REST only.
        login = account.login.removesuffix("[bot]") if account.type is AccountType.BOT else account.login
        page = f"apps/{login}" if account.type is AccountType.BOT else login
        return {
            "__typename": str(account.type),
            "id": f"U_{account.id}",
            "databaseId": account.id,
            "login": login,
            "name": account.name,
            "url": f"{self._hub.url}/{page}",
            "avatarUrl": f"{self._hub.url}/_/avatar.svg",
        }

    def repository(self, repository: Repository) -> Node:
        def pick(kind: str, number: int) -> Node:
            wanted = {"issue": "an Issue", "pull request": "a PullRequest"}.get(
                kind, "an issue or pull request"
            )
            missing = f"Could not resolve to {wanted} with the number of {number}."
            issue = repository.issues.get(number)
            is_pull = number in repository.pulls
            if issue is None or (kind == "issue" and is_pull) or (kind == "pull request" and not is_pull):
                raise Problem("NOT_FOUND", missing)
            subject = Subject(repository, number, issue)
            return self.subject(check_subject(self._caller, subject, Level.READ, missing))

        return {
            "__typename": "Repository",
            "id": f"R_{repository.id}",
            "databaseId": repository.id,
            "name": repository.name,
            "nameWithOwner": repository.full_name,
            "defaultBranchRef": {"name": repository.default_branch},
            "url": f"{self._hub.url}/{repository.full_name}",
            "isPrivate": repository.private,
            "isFork": repository.fork_of is not None,
            "owner": self.actor(repository.owner),
            "issue": lambda info, number: pick("issue", number),
            "pullRequest": lambda info, number: pick("pull request", number),
            "issueOrPullRequest": lambda info, number: pick("", number),
        }

    def subject(self, subject: Subject) -> Node:
        repository, record = subject.repository, subject.record
        match record:
            case Issue():
                pull = repository.pulls.get(record.number)
                return self._issue(repository, record) if pull is None else self._pull(repository, pull)
            case Comment():
                return self._comment(repository, record)
            case Review():
                return self._review(repository, record)
            case ReviewComment():
                return self._review_comment(repository, record)

    def _text(
        self,
        repository: Repository,
        record: Issue | Comment | Review | ReviewComment,
        body: str | None,
        url: str,
    ) -> dict[str, object]:
        """The fields of everything that somebody wrote."""
        return {
            "url": f"{self._hub.url}/{repository.full_name}/{url}",
            "databaseId": record.id,
            "body": body or "",
            "bodyHTML": lambda info: body_html(self._hub, repository, body),
            "author": self.actor(record.user),
            "authorAssociation": author_association(repository, record.user),
            "lastEditedAt": stamp(record.edited_at),
            "reactions": lambda info, **page: connection(
                "reactions", [self.reaction(each) for each in record.reactions], page
            ),
        }

    def _issue_fields(self, repository: Repository, issue: Issue, url: str) -> dict[str, object]:
        comments = repository.comments_of(issue.number)
        return {
            **self._text(repository, issue, issue.body, url),
            "number": issue.number,
            "title": issue.title,
            "state": issue.state.upper(),
            "closed": issue.closed_at is not None,
            "createdAt": stamp(issue.created_at),
            "updatedAt": stamp(issue.updated_at),
            "closedAt": stamp(issue.closed_at),
            "comments": lambda info, **page: connection(
                "comments", [self._comment(repository, each) for each in comments], page
            ),
            "labels": lambda info, **page: connection(
                "labels", [self._label(each) for each in issue.labels], page
            ),
            "assignees": lambda info, **page: connection(
                "assignees", [node for each in issue.assignees if (node := self.actor(each))], page
            ),
            "repository": lambda info: self.repository(repository),
        }

    def _issue(self, repository: Repository, issue: Issue) -> Node:
        return {
            **self._issue_fields(repository, issue, f"issues/{issue.number}"),
            "__typename": "Issue",
            "id": f"I_{issue.id}",
        }

    def _pull(self, repository: Repository, pull: Pull) -> Node:
        issue = repository.issues[pull.number]
        fields = self._issue_fields(repository, issue, f"pull/{pull.number}")
        origin = head_repository(self._hub, repository, pull)
        reviews = reviews_of(repository, pull.number)
        comments = comments_of_pull(repository, pull.number)
        owner = self._hub.account((pull.head_repository or repository.full_name).partition("/")[0])
        return {
            **fields,
            "__typename": "PullRequest",
            "id": f"PR_{pull.id}",
            "databaseId": pull.id,
            "state": "MERGED" if pull.merged_at is not None else fields["state"],
            "merged": pull.merged_at is not None,
            "mergedAt": stamp(pull.merged_at),
            "isDraft": pull.draft,
            "headRefName": pull.head,
            "headRefOid": pull.head_sha,
            "baseRefName": pull.base,
            "baseRefOid": pull.base_sha,
            "isCrossRepository": bool(pull.head_repository),
            "headRepository": lambda info: self.repository(origin) if origin is not None else None,
            "headRepositoryOwner": self.actor(owner),
            "reviews": lambda info, **page: connection(
                "reviews", [self._review(repository, each) for each in reviews], page
            ),
            "totalCommentsCount": len(repository.comments_of(pull.number)) + len(comments),
        }

    def _comment(self, repository: Repository, comment: Comment) -> Node:
        kind = "pull" if comment.issue in repository.pulls else "issues"
        return {
            **self._text(
                repository, comment, comment.body, f"{kind}/{comment.issue}#issuecomment-{comment.id}"
            ),
            "__typename": "IssueComment",
            "id": f"IC_{comment.id}",
            "createdAt": stamp(comment.created_at),
            "updatedAt": stamp(comment.updated_at),
            "isMinimized": comment.minimized,
        }

    def _review(self, repository: Repository, review: Review) -> Node:
        url = f"pull/{review.pull}#pullrequestreview-{review.id}"
        comments = comments_of_review(repository, review)
        return {
            **self._text(repository, review, review.body, url),
            "__typename": "PullRequestReview",
            "id": f"PRR_{review.id}",
            "state": str(review.state),
            "submittedAt": stamp(review.submitted_at),
            "createdAt": stamp(review.submitted_at),
            "updatedAt": stamp(review.edited_at or review.submitted_at),
            "isMinimized": review.minimized,
            "comments": lambda info, **page: connection(
                "comments", [self._review_comment(repository, each) for each in comments], page
            ),
        }

    def _review_comment(self, repository: Repository, comment: ReviewComment) -> Node:
        first = repository.review_comments.get(comment.in_reply_to or 0)
        return {
            **self._text(repository, comment, comment.body, f"pull/{comment.pull}#discussion_r{comment.id}"),
            "__typename": "PullRequestReviewComment",
            "id": f"PRRC_{comment.id}",
            "path": comment.path,
            "line": comment.line,
            "originalLine": comment.line,
            "diffHunk": comment.diff_hunk,
            "createdAt": stamp(comment.created_at),
            "updatedAt": stamp(comment.updated_at),
            "isMinimized": comment.minimized,
            "replyTo": lambda info: self._review_comment(repository, first) if first is not None else None,
        }

    def _label(self, label: Label) -> Node:
        return {
            "id": f"LA_{label.id}",
            "name": label.name,
            "color": label.color,
            "description": label.description or None,
        }

    def reaction(self, reaction: Reaction) -> Node:
        return {
            "id": f"REA_{reaction.id}",
            "content": CONTENTS[reaction.content],
            "createdAt": stamp(reaction.created_at),
            "user": self.actor(reaction.user),
        }
