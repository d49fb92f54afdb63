"""What happens to issues, comments, reactions and labels: every change of them goes through here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from playground.github.errors import invalid
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
) -> Issue:
    """A new issue (a pull request starts with one too). Raises Refusal."""
    if not title.strip():
        raise invalid("Issue", "title", "missing_field")
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
    )
    repository.issues[issue.number] = issue
    hub.changes.notify()
    return issue


def edit_issue(
    hub: Hub,
    repository: Repository,
    number: int,
    *,
    title: str | None = None,
    body: str | None = None,
    state: IssueState | None = None,
    labels: Sequence[str] | None = None,
) -> Issue:
    """Change what is given, leave the rest. Raises Refusal."""
    issue = repository.issues[number]
    if title is not None and not title.strip():
        raise invalid("Issue", "title", "missing_field")
    check_body("Issue", body)
    now = hub.clock()
    closed_at = issue.closed_at
    if state is not None and state is not issue.state:
        closed_at = now if state is IssueState.CLOSED else None
    issue = replace(
        issue,
        title=issue.title if title is None else title,
        body=issue.body if body is None else body,
        state=issue.state if state is None else state,
        closed_at=closed_at,
        labels=issue.labels if labels is None else labels_named(hub, repository, labels),
        updated_at=now,
    )
    repository.issues[number] = issue
    hub.changes.notify()
    return issue


def add_comment(hub: Hub, repository: Repository, number: int, author: Account, body: str) -> Comment:
    """A comment on an issue or pull request. Raises Refusal."""
    if not body.strip():
        raise invalid("IssueComment", "body", "missing_field")
    check_body("IssueComment", body)
    now = hub.clock()
    comment = Comment(hub.take_id(), number, author, body, now, now)
    repository.comments[comment.id] = comment
    edit_issue(hub, repository, number)
    return comment


def edit_comment(hub: Hub, repository: Repository, comment: Comment, body: str) -> Comment:
    """Another text for a comment. Raises Refusal."""
    check_body("IssueComment", body)
    changed = replace(comment, body=body, updated_at=hub.clock())
    repository.comments[comment.id] = changed
    hub.changes.notify()
    return changed


def delete_comment(hub: Hub, repository: Repository, comment: Comment) -> None:
    del repository.comments[comment.id]
    hub.changes.notify()


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
