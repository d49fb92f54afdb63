"""What GitHub writes into a webhook, for everything that can happen here."""

from __future__ import annotations

from collections.abc import Mapping

from playground.github.access import ANONYMOUS
from playground.github.api.checks import check_run_json, check_suite_json
from playground.github.api.comments import comment_json
from playground.github.api.issues import issue_json, label_json
from playground.github.api.pulls import pull_json
from playground.github.api.repositories import repository_json
from playground.github.api.reviews import review_comment_json, review_json
from playground.github.api.route import Json
from playground.github.api.users import account_json
from playground.github.app import App, Installation
from playground.github.checks import suite_of
from playground.github.contents import ZERO
from playground.github.happenings import Happening
from playground.github.hub import Hub
from playground.github.records import Account, AccountType
from playground.github.repositories import Repository

ZEN = "Anything added dilutes everything else."


def payload(hub: Hub, happening: Happening, installation: Installation) -> dict[str, object]:
    """The whole payload, as things are now."""
    return {
        "action": happening.action,
        **_subject(hub, happening),
        **_change(hub, happening),
        "repository": _repository_json(hub, happening.repository),
        **_organization(hub, happening.repository.owner),
        "sender": account_json(hub, happening.sender),
        "installation": {"id": installation.id, "node_id": f"IN_{installation.id}"},
    }


def ping(app: App, hook_id: int, url: str) -> dict[str, object]:
    """What GitHub sends to try out the webhook of an App."""
    return {
        "zen": ZEN,
        "hook_id": hook_id,
        "hook": {
            "type": "App",
            "id": hook_id,
            "name": "web",
            "active": True,
            "events": list(app.events),
            "config": hook_config(url),
            "app_id": app.id,
        },
    }


def hook_config(url: str | None) -> Json:
    """Where the deliveries go; the secret is never shown."""
    return {"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": url or ""}


def _subject(hub: Hub, happening: Happening) -> Mapping[str, object]:
    """What the event is about."""
    repository, number = happening.repository, happening.issue
    match happening.event:
        case "issues" if number is not None:
            return {"issue": issue_json(hub, repository, repository.issues[number])}
        case "issue_comment" if number is not None and happening.comment is not None:
            return {
                "issue": issue_json(hub, repository, repository.issues[number]),
                "comment": comment_json(hub, repository, happening.comment),
            }
        case "pull_request" if number is not None:
            return {"number": number, "pull_request": _full_pull_json(hub, repository, number)}
        case "pull_request_review" if number is not None and happening.review is not None:
            return {
                "review": review_json(hub, repository, happening.review, webhook=True),
                "pull_request": _pull_json(hub, repository, number),
            }
        case "pull_request_review_comment" if number is not None and happening.review_comment is not None:
            return {
                "comment": review_comment_json(hub, repository, happening.review_comment),
                "pull_request": _pull_json(hub, repository, number),
            }
        case "check_run" if happening.check_run is not None:
            run = happening.check_run
            suite = check_suite_json(hub, repository, suite_of(repository, run))
            return {"check_run": {**check_run_json(hub, repository, run), "check_suite": suite}}
        case "check_suite" if happening.suite:
            return {"check_suite": check_suite_json(hub, repository, happening.suite)}
    raise ValueError(f"A {happening.event} event has no payload without what it is about.")


def _change(hub: Hub, happening: Happening) -> Mapping[str, object]:
    """What is different from before."""
    shown: dict[str, object] = {}
    if happening.label is not None:
        shown["label"] = label_json(hub, happening.repository, happening.label)
    if happening.assignee is not None:
        shown["assignee"] = account_json(hub, happening.assignee)
    if happening.action == "edited":
        changes: dict[str, object] = {}
        if happening.before_title is not None:
            changes["title"] = {"from": happening.before_title}
        if happening.before is not None:
            changes["body"] = {"from": happening.before}
        shown["changes"] = changes
    if happening.action == "synchronize" and happening.issue is not None:
        shown["before"] = happening.before or ZERO
        shown["after"] = happening.repository.pulls[happening.issue].head_sha
    return shown


def _pull_json(hub: Hub, repository: Repository, number: int) -> Json:
    return pull_json(hub, repository, repository.pulls[number])


def _full_pull_json(hub: Hub, repository: Repository, number: int) -> Json:
    """A pull request with what can be said of it at once: whether it merges GitHub does not know yet either."""
    pull = repository.pulls[number]
    comments = [each for each in repository.review_comments.values() if each.pull == number]
    return {
        **_pull_json(hub, repository, number),
        "merged": pull.merged_at is not None,
        "mergeable": None,
        "rebaseable": None,
        "mergeable_state": "unknown",
        "merged_by": account_json(hub, pull.merged_by) if pull.merged_by else None,
        "comments": len(repository.comments_of(number)),
        "review_comments": len(comments),
        "maintainer_can_modify": bool(pull.head_repository),
    }


def _repository_json(hub: Hub, repository: Repository) -> Json:
    """A repository as everybody may see it: a payload says nothing of what its reader may do."""
    shown = repository_json(hub, repository, ANONYMOUS)
    return {name: value for name, value in shown.items() if name != "permissions"}


def _organization(hub: Hub, owner: Account) -> Mapping[str, object]:
    if owner.type is not AccountType.ORGANIZATION:
        return {}
    url = f"{hub.api_url}/orgs/{owner.login}"
    organization = {
        "login": owner.login,
        "id": owner.id,
        "node_id": f"U_{owner.id}",
        "url": url,
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events",
        "hooks_url": f"{url}/hooks",
        "issues_url": f"{url}/issues",
        "members_url": f"{url}/members{{/member}}",
        "public_members_url": f"{url}/public_members{{/member}}",
        "avatar_url": f"{hub.url}/_/avatar.svg",
        "description": "",
    }
    return {"organization": organization}
