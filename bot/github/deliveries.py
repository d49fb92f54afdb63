"""What GitHub delivers, read into what a person said. Shapes: GitHub's "Webhook events and payloads"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.commands import SubjectName
from bot.conversations import Incoming, MessageKind
from bot.github.addresses import PLATFORM, address
from bot.github.commands import instruction
from bot.github.report import key_of
from bot.github.sanitize import sanitized

OWN_BRANCHES = "heddle/"
CHECKS_FAILED = (
    "The checks of this pull request fail. Find out why and fix the cause. If the cause is not in this "
    "repository, say so and change nothing."
)
CHECKS_AUTHOR = "failing checks"

_FAILURES = frozenset({"failure", "timed_out"})

Shape = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Terms:
    """What this Heddle listens to.

    names: by which people mention it. login: whose posts are its own. app_id: of its App, if it is one.
    apps: the slugs and logins of apps that may command. label, assignee: what starts a run when an issue gets it;
    empty for nothing. autofix: whether failing checks start runs.
    """

    names: frozenset[str]
    login: str
    app_id: int | None = None
    apps: frozenset[str] = frozenset()
    label: str = ""
    assignee: str = ""
    autofix: bool = False


def delivery_key(guid: str) -> str:
    """The id of a delivery; GitHub keeps it when it delivers again."""
    return f"{PLATFORM}:{guid}"


def read(event: str, guid: str, payload: Shape, terms: Terms) -> Incoming | None:
    """The message in a delivery, None when it holds nothing that somebody said to Heddle.

    A shape that GitHub does not send reads as None.
    """
    reader = _READERS.get((event, str(payload.get("action"))))
    if reader is None:
        return None
    try:
        return reader(guid, payload, terms)
    except (KeyError, TypeError, IndexError, AttributeError, ValueError):
        return None


def _comment(guid: str, payload: Shape, terms: Terms) -> Incoming | None:
    comment = payload["comment"]
    return _said(guid, payload, terms, payload["issue"], comment, f"comment:{int(comment['id'])}")


def _review(guid: str, payload: Shape, terms: Terms) -> Incoming | None:
    review = payload["review"]
    post = {**review, "created_at": review["submitted_at"]}
    number = int(review["id"])
    return _said(guid, payload, terms, payload["pull_request"], post, f"review:{number}", number)


def _review_comment(guid: str, payload: Shape, terms: Terms) -> Incoming | None:
    comment = payload["comment"]
    number = int(comment["pull_request_review_id"])
    # Named after its review: whichever of the review's texts comes first stands for all of them.
    return _said(guid, payload, terms, payload["pull_request"], comment, f"review:{number}", number)


def _said(
    guid: str, payload: Shape, terms: Terms, subject: Shape, post: Shape, source: str, review: int = 0
) -> Incoming | None:
    body = post["body"] or ""
    if (
        not _may_be_heard(post["user"], post.get("performed_via_github_app"), terms)
        or key_of(body) is not None
    ):
        return None
    text = instruction(body, terms.names)
    if text is None:
        return None
    return _incoming(
        guid,
        payload,
        subject,
        source=source,
        author=_text(post["user"]["login"]),
        text=sanitized(text).strip(),
        data={
            "node": _text(post["node_id"]),
            "at": _time(post["created_at"]),
            "trigger": int(post["id"]),
            "review": review,
            "url": _text(post["html_url"]),
        },
    )


def _assigned(guid: str, payload: Shape, terms: Terms) -> Incoming | None:
    if not _same(payload["assignee"]["login"], terms.assignee):
        return None
    return _set_going(guid, payload, terms)


def _labeled(guid: str, payload: Shape, terms: Terms) -> Incoming | None:
    if not _same(payload["label"]["name"], terms.label):
        return None
    return _set_going(guid, payload, terms)


def _set_going(guid: str, payload: Shape, terms: Terms) -> Incoming | None:
    """Whoever gave Heddle the issue makes the issue's text the task."""
    issue, sender = payload["issue"], payload["sender"]
    if not _may_be_heard(sender, None, terms) or issue["state"] != "open":
        return None
    return _incoming(
        guid,
        payload,
        issue,
        source=f"issue:{int(issue['id'])}:{guid}",
        author=_text(sender["login"]),
        text="",
        data={
            "node": _text(issue["node_id"]),
            "at": _time(issue["updated_at"]),
            "trigger": 0,
            "review": 0,
            "url": _text(issue["html_url"]),
        },
        kind=MessageKind.SUBJECT,
    )


def _checked(guid: str, payload: Shape, terms: Terms) -> Incoming | None:
    suite = payload["check_suite"]
    if not terms.autofix or suite["conclusion"] not in _FAILURES or suite["app"]["id"] == terms.app_id:
        return None
    for pull in suite["pull_requests"]:
        if str(pull["head"]["ref"]).startswith(OWN_BRANCHES):
            sha = _text(suite["head_sha"])
            return _incoming(
                guid,
                payload,
                pull,
                # Once for a commit, however many suites of checks fail on it.
                source=f"checks:{int(payload['repository']['id'])}:{sha}",
                author=CHECKS_AUTHOR,
                text=CHECKS_FAILED,
                data={"node": "", "at": _time(suite["updated_at"]), "trigger": 0, "review": 0, "sha": sha},
                kind=MessageKind.CHECKS,
                begins=False,
            )
    return None


def _incoming(
    guid: str,
    payload: Shape,
    subject: Shape,
    *,
    source: str,
    author: str,
    text: str,
    data: dict[str, Any],
    kind: MessageKind = MessageKind.TEXT,
    begins: bool = True,
) -> Incoming:
    repository = _text(payload["repository"]["full_name"])
    said = {"title": subject.get("title"), "body": subject.get("body")}
    return Incoming(
        delivery_id=delivery_key(guid),
        platform=PLATFORM,
        source=f"{PLATFORM}:{source}",
        address=address(SubjectName(repository, int(subject["number"]))),
        author=author,
        text=text,
        begins=begins,
        kind=kind,
        repository=repository,
        # The issue's own text as it was when the message was written; people may change it later.
        data=data | {name: value for name, value in said.items() if isinstance(value, str)},
    )


def _may_be_heard(user: Shape, via: Shape | None, terms: Terms) -> bool:
    """People, and the apps that are allowed by name; never Heddle itself. What a person may is checked later."""
    login = _text(user["login"])
    if via is not None and via["id"] == terms.app_id:
        return False
    if terms.app_id is not None and _same(login, terms.login):
        return False
    names = {login.lower(), login.lower().removesuffix("[bot]")}
    if via is not None:
        names = {str(via["slug"]).lower()}
    if user["type"] == "User" and via is None:
        return True
    return not names.isdisjoint(terms.apps)


def _same(given: object, wanted: str) -> bool:
    return bool(wanted) and _text(given).lower() == wanted.lower()


def _time(value: object) -> float:
    """Seconds since the epoch. GitHub writes ISO 8601."""
    return datetime.fromisoformat(_text(value)).timestamp()


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


_READERS: Mapping[tuple[str, str], Callable[[str, Shape, Terms], Incoming | None]] = {
    ("issue_comment", "created"): _comment,
    ("pull_request_review", "submitted"): _review,
    ("pull_request_review_comment", "created"): _review_comment,
    ("issues", "assigned"): _assigned,
    ("issues", "labeled"): _labeled,
    ("check_suite", "completed"): _checked,
}
