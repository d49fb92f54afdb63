"""Issues, their labels and their reactions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from playground.github.access import Level, TokenKind
from playground.github.api.installations import acting_app_json
from playground.github.api.reactions import reaction_json, reactions_json, removed
from playground.github.api.route import BARE_LIST, MUST_PUSH, SIGNED_IN, ApiRequest, Json, Reply, Route, stamp
from playground.github.api.users import account_json, author_association
from playground.github.errors import Refusal, invalid, not_found
from playground.github.hub import Hub
from playground.github.issues import assign, edit_issue, labels_named, open_issue, react, unassign
from playground.github.pulls import edit_pull
from playground.github.records import Account, AccountType, Issue, IssueState, Label
from playground.github.repositories import Repository


def label_json(hub: Hub, repository: Repository, label: Label) -> Json:
    return {
        "id": label.id,
        "node_id": f"LA_{label.id}",
        "url": f"{hub.api_url}/repos/{repository.full_name}/labels/{label.name}",
        "name": label.name,
        "color": label.color,
        "default": False,
        "description": label.description or None,
    }


def issue_json(hub: Hub, repository: Repository, issue: Issue) -> Json:
    url = f"{hub.api_url}/repos/{repository.full_name}"
    pull = repository.pulls.get(issue.number)
    page = f"{hub.url}/{repository.full_name}/{'pull' if pull else 'issues'}/{issue.number}"
    assignees = [account_json(hub, account) for account in issue.assignees]
    shown: dict[str, object] = {
        "id": issue.id,
        "node_id": f"I_{issue.id}",
        "url": f"{url}/issues/{issue.number}",
        "repository_url": url,
        "labels_url": f"{url}/issues/{issue.number}/labels{{/name}}",
        "comments_url": f"{url}/issues/{issue.number}/comments",
        "events_url": f"{url}/issues/{issue.number}/events",
        "html_url": page,
        "number": issue.number,
        "state": str(issue.state),
        "state_reason": "completed" if issue.state is IssueState.CLOSED else None,
        "title": issue.title,
        "body": issue.body,
        "user": account_json(hub, issue.user),
        "labels": [label_json(hub, repository, label) for label in issue.labels],
        "assignee": assignees[0] if assignees else None,
        "assignees": assignees,
        "milestone": None,
        "locked": False,
        "active_lock_reason": None,
        "comments": len(repository.comments_of(issue.number)),
        "created_at": stamp(issue.created_at),
        "updated_at": stamp(issue.updated_at),
        "closed_at": stamp(issue.closed_at),
        "author_association": author_association(repository, issue.user),
        "performed_via_github_app": acting_app_json(hub, issue.user),
        "reactions": reactions_json(f"{url}/issues/{issue.number}/reactions", issue.reactions),
    }
    if pull is not None:
        shown["draft"] = pull.draft
        shown["pull_request"] = {
            "url": f"{url}/pulls/{issue.number}",
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": stamp(pull.merged_at),
        }
    return shown


def issue_of(request: ApiRequest) -> Issue:
    """The issue or pull request that the path names. Raises Refusal (404)."""
    issue = request.repository.issues.get(request.number("number"))
    if issue is None:
        raise not_found()
    return issue


def check_author(request: ApiRequest, author_id: int) -> None:
    """A person may change their own; others need the right to write. Raises Refusal (403)."""
    if request.caller.kind is TokenKind.INSTALLATION or request.account.id == author_id:
        return
    if not request.repository.level_of(request.account.login).covers(Level.WRITE):
        raise Refusal(403, MUST_PUSH)


def asked_state(request: ApiRequest, resource: str) -> IssueState | None:
    """The `state` of the request's body. Raises Refusal (422)."""
    text = request.body.text("state")
    if text is None:
        return None
    if text not in set(IssueState):
        raise invalid(resource, "state")
    return IssueState(text)


def in_state(issue: Issue, wanted: str) -> bool:
    return wanted == "all" or str(issue.state) == wanted


async def list_issues(request: ApiRequest) -> Reply:
    repository = request.repository
    state, labels = request.query("state", "open"), request.query("labels")
    wanted = {name.strip().lower() for name in labels.split(",") if name.strip()}
    found = [
        issue
        for issue in repository.issues.values()
        if in_state(issue, state) and wanted <= {label.name.lower() for label in issue.labels}
    ]
    found.sort(key=lambda issue: issue.number, reverse=request.query("direction", "desc") == "desc")
    return request.page([issue_json(request.hub, repository, issue) for issue in found])


async def create_issue(request: ApiRequest) -> Reply:
    issue = open_issue(
        request.hub,
        request.repository,
        request.account,
        title=request.body.needed_text("title", "Issue"),
        body=request.body.text("body"),
        labels=request.body.texts("labels") or (),
        assignees=_asked_accounts(request),
    )
    return Reply(issue_json(request.hub, request.repository, issue), 201)


async def get_issue(request: ApiRequest) -> Reply:
    return Reply(issue_json(request.hub, request.repository, issue_of(request)))


async def change_issue(request: ApiRequest) -> Reply:
    issue = issue_of(request)
    check_author(request, issue.user.id)
    hub, repository, body, number = request.hub, request.repository, request.body, issue.number
    title, text, state = body.text("title"), body.text("body"), asked_state(request, "Issue")
    if number in repository.pulls:
        await edit_pull(hub, repository, number, request.account, title=title, body=text, state=state)
        title = text = state = None
    labels = body.texts("labels")
    edit_issue(
        hub, repository, number, title=title, body=text, state=state, labels=labels, by=request.account
    )
    if "assignees" in body:
        wanted = _asked_accounts(request)
        for account in repository.issues[number].assignees:
            if account not in wanted:
                unassign(hub, repository, number, account, request.account)
        for account in wanted:
            assign(hub, repository, number, account, request.account)
    return Reply(issue_json(hub, repository, repository.issues[number]))


def _asked_accounts(request: ApiRequest) -> tuple[Account, ...]:
    """The people of `assignees`; GitHub passes over the names that are nobody's."""
    found = (request.hub.account(login) for login in request.body.texts("assignees") or ())
    return tuple(each for each in found if each is not None and each.type is AccountType.USER)


async def add_assignees(request: ApiRequest) -> Reply:
    return _reassigned(request, assign, 201)


async def remove_assignees(request: ApiRequest) -> Reply:
    return _reassigned(request, unassign, 200)


def _reassigned(
    request: ApiRequest, change: Callable[[Hub, Repository, int, Account, Account], Issue], status: int
) -> Reply:
    hub, repository, issue = request.hub, request.repository, issue_of(request)
    for account in _asked_accounts(request):
        issue = change(hub, repository, issue.number, account, request.account)
    return Reply(issue_json(hub, repository, issue), status)


async def list_labels(request: ApiRequest) -> Reply:
    labels = request.repository.labels.values()
    return request.page([label_json(request.hub, request.repository, label) for label in labels])


async def get_label(request: ApiRequest) -> Reply:
    label = request.repository.labels.get(request.part("name").lower())
    if label is None:
        raise not_found()
    return Reply(label_json(request.hub, request.repository, label))


async def create_label(request: ApiRequest) -> Reply:
    name = request.body.needed_text("name", "Label")
    repository = request.repository
    if name.lower() in repository.labels:
        raise invalid("Label", "name", "already_exists")
    label = Label(
        request.hub.take_id(),
        name,
        request.body.text("color") or "ededed",
        request.body.text("description") or "",
    )
    repository.labels[name.lower()] = label
    return Reply(label_json(request.hub, repository, label), 201)


async def list_issue_labels(request: ApiRequest) -> Reply:
    labels = issue_of(request).labels
    return request.page([label_json(request.hub, request.repository, label) for label in labels])


async def add_issue_labels(request: ApiRequest) -> Reply:
    issue, repository = issue_of(request), request.repository
    names = [label.name for label in issue.labels] + list(
        request.body.texts("labels") or request.body.texts(BARE_LIST) or ()
    )
    labels = labels_named(request.hub, repository, names)
    names = [label.name for label in labels]
    edit_issue(request.hub, repository, issue.number, labels=names, by=request.account)
    return Reply([label_json(request.hub, repository, label) for label in labels])


async def remove_issue_label(request: ApiRequest) -> Reply:
    issue, repository = issue_of(request), request.repository
    left = [label for label in issue.labels if label.name.lower() != request.part("name").lower()]
    if len(left) == len(issue.labels):
        raise Refusal(404, "Label does not exist")
    names = [label.name for label in left]
    edit_issue(request.hub, repository, issue.number, labels=names, by=request.account)
    return Reply([label_json(request.hub, repository, label) for label in left])


async def list_reactions(request: ApiRequest) -> Reply:
    return request.page([reaction_json(request.hub, each) for each in issue_of(request).reactions])


async def add_reaction(request: ApiRequest) -> Reply:
    issue = issue_of(request)
    content = request.body.needed_text("content", "Reaction")
    reactions, reaction, new = react(request.hub, issue.reactions, request.account, content)
    request.repository.issues[issue.number] = replace(issue, reactions=reactions)
    return Reply(reaction_json(request.hub, reaction), 201 if new else 200)


async def remove_reaction(request: ApiRequest) -> Reply:
    issue = issue_of(request)
    reactions = removed(issue.reactions, request.number("reaction"), request.account)
    request.repository.issues[issue.number] = replace(issue, reactions=reactions)
    return Reply(None, 204)


def routes() -> tuple[Route, ...]:
    repo = "/repos/{owner}/{repo}"
    issue = f"{repo}/issues/{{number:\\d+}}"
    write, read = Level.WRITE, Level.READ
    return (
        Route("GET", f"{repo}/labels", list_labels, "issues"),
        Route("GET", f"{repo}/labels/{{name:.+}}", get_label, "issues"),
        Route("POST", f"{repo}/labels", create_label, "issues", write),
        Route("GET", f"{repo}/issues", list_issues, "issues"),
        Route("POST", f"{repo}/issues", create_issue, "issues", write, read, SIGNED_IN),
        Route("GET", issue, get_issue, "issues"),
        Route("PATCH", issue, change_issue, "issues", write, read, SIGNED_IN),
        Route("GET", f"{issue}/labels", list_issue_labels, "issues"),
        Route("POST", f"{issue}/labels", add_issue_labels, "issues", write),
        Route("DELETE", f"{issue}/labels/{{name:.+}}", remove_issue_label, "issues", write),
        Route("POST", f"{issue}/assignees", add_assignees, "issues", write),
        Route("DELETE", f"{issue}/assignees", remove_assignees, "issues", write),
        Route("GET", f"{issue}/reactions", list_reactions, "issues"),
        Route("POST", f"{issue}/reactions", add_reaction, "issues", write, read, SIGNED_IN),
        Route(
            "DELETE",
            f"{issue}/reactions/{{reaction:\\d+}}",
            remove_reaction,
            "issues",
            write,
            read,
            SIGNED_IN,
        ),
    )
