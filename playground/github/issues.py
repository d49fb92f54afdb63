"""What happens to issues, comments, reactions and labels: every change of them goes through here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from playground.github.errors import invalid
from playground.github.happenings import Happening
from playground.github.hub import Hub
from playground.github.records import Account, Comment, Issue, IssueState, Label, Reaction
from playground.github.repositories import Repository

REACTIONS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")
BODY_LIMIT = 65536
"""Characters that a body may have; GitHub refuses longer ones."""


def check_body(resource: str, body: str | None) -> None:
    """Raises Refusal when a text is longer than GitHub takes."""
    if body is not None and len(body) > BODY_LIMIT:
        raise invalid(resource, "body", "custom")


def labels_named(hub: Hub, repository: Repository, names: Sequence[str]) -> tuple[Label, ...]:
    """The labels of these names; those that the repository lacks are made, as GitHub does."""
    found = []
    for name in dict.fromkeys(names):
        label = repository.labels.get(name.lower())
        if label is None:
            label = repository.labels[name.lower()] = Label(hub.take_id(), name)
        found.append(label)
    return tuple(found)


def open_issue(
    hub: Hub,
    repository: Repository,
    author: Account,
    *,
    title: str,
    body: str | None = None,
    labels: Sequence[str] = (),
    assignees: Sequence[Account] = (),
) -> Issue:
    """A new issue. Raises Refusal."""
    check_title(title)
    check_body("Issue", body)
    now = hub.clock()
    issue = Issue(
        id=hub.take_id(),
        number=repository.take_number(),
        title=title,
        body=body,
        user=author,
        created_at=now,
        updated_at=now,
        labels=labels_named(hub, repository, labels),
        assignees=tuple(dict.fromkeys(assignees)),
    )
    repository.issues[issue.number] = issue
    hub.changes.notify()
    _happen(hub, repository, issue.number, "opened", author)
    for label in issue.labels:
        _happen(hub, repository, issue.number, "labeled", author, label=label)
    for account in issue.assignees:
        _happen(hub, repository, issue.number, "assigned", author, assignee=account)
    return issue


def check_title(title: str | None) -> None:
    """Raises Refusal when a title is given that says nothing."""
    if title is not None and not title.strip():
        raise invalid("Issue", "title", "missing_field")


def _happen(
    hub: Hub,
    repository: Repository,
    number: int,
    action: str,
    by: Account,
    *,
    label: Label | None = None,
    assignee: Account | None = None,
) -> None:
    """Tell of an issue, or of the labels and assignees of a pull request, which have its own event."""
    event = "pull_request" if number in repository.pulls else "issues"
    hub.happen(Happening(event, action, repository, by, issue=number, label=label, assignee=assignee))


def edit_issue(
    hub: Hub,
    repository: Repository,
    number: int,
    *,
    title: str | None = None,
    body: str | None = None,
    state: IssueState | None = None,
    labels: Sequence[str] | None = None,
    by: Account | None = None,
) -> Issue:
    """Change what is given, leave the rest; `by` is the author unless given. Raises Refusal.

    Of a pull request it changes only the labels: for the rest see `pulls.edit_pull`.
    """
    old = repository.issues[number]
    check_title(title)
    check_body("Issue", body)
    now = hub.clock()
    closed_at = old.closed_at
    if state is not None and state is not old.state:
        closed_at = now if state is IssueState.CLOSED else None
    issue = replace(
        old,
        title=old.title if title is None else title,
        body=old.body if body is None else body,
        state=old.state if state is None else state,
        closed_at=closed_at,
        labels=old.labels if labels is None else labels_named(hub, repository, labels),
        updated_at=now,
        edited_at=now if body is not None and body != (old.body or "") else old.edited_at,
    )
    repository.issues[number] = issue
    hub.changes.notify()
    _tell_difference(hub, repository, old, issue, by or issue.user)
    return issue


def _tell_difference(hub: Hub, repository: Repository, old: Issue, new: Issue, by: Account) -> None:
    """One event for each way in which an issue has changed."""
    before = (old.body or "") if (old.body or "") != (new.body or "") else None
    before_title = old.title if old.title != new.title else None
    if before is not None or before_title is not None:
        happening = Happening(
            "issues", "edited", repository, by, issue=new.number, before=before, before_title=before_title
        )
        hub.happen(happening)
    if new.state is not old.state:
        action = "closed" if new.state is IssueState.CLOSED else "reopened"
        _happen(hub, repository, new.number, action, by)
    for label in new.labels:
        if label not in old.labels:
            _happen(hub, repository, new.number, "labeled", by, label=label)
    for label in old.labels:
        if label not in new.labels:
            _happen(hub, repository, new.number, "unlabeled", by, label=label)


def assign(hub: Hub, repository: Repository, number: int, account: Account, by: Account) -> Issue:
    """Make an account responsible for an issue or pull request."""
    issue = repository.issues[number]
    if account in issue.assignees:
        return issue
    return _reassign(hub, repository, issue, (*issue.assignees, account), "assigned", account, by)


def unassign(hub: Hub, repository: Repository, number: int, account: Account, by: Account) -> Issue:
    """Take an issue or pull request from an account."""
    issue = repository.issues[number]
    if account not in issue.assignees:
        return issue
    left = tuple(each for each in issue.assignees if each != account)
    return _reassign(hub, repository, issue, left, "unassigned", account, by)


def _reassign(
    hub: Hub,
    repository: Repository,
    issue: Issue,
    assignees: tuple[Account, ...],
    action: str,
    account: Account,
    by: Account,
) -> Issue:
    changed = replace(issue, assignees=assignees, updated_at=hub.clock())
    repository.issues[issue.number] = changed
    hub.changes.notify()
    _happen(hub, repository, issue.number, action, by, assignee=account)
    return changed


def add_comment(hub: Hub, repository: Repository, number: int, author: Account, body: str) -> Comment:
    """A comment on an issue or pull request. Raises Refusal."""
    if not body.strip():
        raise invalid("IssueComment", "body", "missing_field")
    check_body("IssueComment", body)
    now = hub.clock()
    comment = Comment(hub.take_id(), number, author, body, now, now)
    repository.comments[comment.id] = comment
    edit_issue(hub, repository, number)
    hub.happen(Happening("issue_comment", "created", repository, author, issue=number, comment=comment))
    return comment


def edit_comment(
    hub: Hub, repository: Repository, comment: Comment, body: str, *, by: Account | None = None
) -> Comment:
    """Another text for a comment; `by` is its author unless given. Raises Refusal."""
    if not body.strip():
        raise invalid("IssueComment", "body", "missing_field")
    check_body("IssueComment", body)
    now = hub.clock()
    # A whole second later at least, because that is all that the API shows of a time.
    updated_at = max(now, comment.created_at + 1)
    changed = replace(comment, body=body, updated_at=updated_at, edited_at=now)
    repository.comments[comment.id] = changed
    hub.changes.notify()
    happening = Happening(
        "issue_comment",
        "edited",
        repository,
        by or comment.user,
        issue=comment.issue,
        comment=changed,
        before=comment.body,
    )
    hub.happen(happening)
    return changed


def delete_comment(hub: Hub, repository: Repository, comment: Comment, *, by: Account | None = None) -> None:
    """Take a comment away; `by` is its author unless given."""
    del repository.comments[comment.id]
    hub.changes.notify()
    sender = by or comment.user
    hub.happen(
        Happening("issue_comment", "deleted", repository, sender, issue=comment.issue, comment=comment)
    )


def minimize(hub: Hub, repository: Repository, comment: Comment, minimized: bool) -> Comment:
    """Fold a comment up on the page, or show it again. GitHub tells no webhook of it."""
    changed = replace(comment, minimized=minimized)
    repository.comments[comment.id] = changed
    hub.changes.notify()
    return changed


def react(
    hub: Hub, reactions: tuple[Reaction, ...], user: Account, content: str
) -> tuple[tuple[Reaction, ...], Reaction, bool]:
    """The reactions with one more, that one, and whether it is new: a person reacts once in each way.

    Raises Refusal for a reaction that GitHub does not have.
    """
    if content not in REACTIONS:
        raise invalid("Reaction", "content")
    for known in reactions:
        if known.user == user and known.content == content:
            return reactions, known, False
    reaction = Reaction(hub.take_id(), user, content, hub.clock())
    return (*reactions, reaction), reaction, True
