"""The parts of GitHub's payloads that Heddle reads, in the shape in which GitHub sends them."""

from __future__ import annotations

from typing import Any

from bot.github.deliveries import Terms

TERMS = Terms(
    names=frozenset({"heddle"}),
    login="heddle[bot]",
    app_id=4711,
    apps=frozenset({"renovate"}),
    label="heddle",
    assignee="heddle-user",
    autofix=True,
)
REPOSITORY = {"id": 186853002, "name": "tally", "full_name": "acme/tally", "private": False, "fork": False}
OWN_APP = {"id": 4711, "slug": "heddle", "name": "Heddle"}
OTHER_APP = {"id": 15368, "slug": "github-actions", "name": "GitHub Actions"}
RENOVATE = {"id": 2740, "slug": "renovate", "name": "Renovate"}
SHA = "ec26c3e57ca3a959ca5aad62de7213c562f8c821"


def user(login: str = "ada", kind: str = "User") -> dict[str, Any]:
    return {
        "login": login,
        "id": 21031067,
        "node_id": "MDQ6VXNlcjIxMDMxMDY3",
        "type": kind,
        "site_admin": False,
    }


def issue(**changes: Any) -> dict[str, Any]:
    return {
        "id": 444500041,
        "node_id": "I_kwDOA",
        "number": 3,
        "title": "Words are counted twice",
        "body": "It should count them once.",
        "state": "open",
        "user": user(),
        "labels": [],
        "assignee": None,
        "assignees": [],
        "html_url": "https://github.com/acme/tally/issues/3",
        "created_at": "2026-05-15T15:20:18Z",
        "updated_at": "2026-05-15T15:21:03Z",
    } | changes


def pull_request(**changes: Any) -> dict[str, Any]:
    return {
        "id": 279147437,
        "node_id": "PR_kwDOA",
        "number": 7,
        "title": "Count words once",
        "body": None,
        "state": "open",
        "user": user(),
        "html_url": "https://github.com/acme/tally/pull/7",
        "head": {"ref": "heddle/count-words-once-1a2b3c", "sha": SHA, "repo": REPOSITORY},
        "base": {"ref": "main", "sha": "f95f852bd8fca8fcc58a9a2d6c842781e32a215e", "repo": REPOSITORY},
    } | changes


def comment(body: str = "/claude fix it", **changes: Any) -> dict[str, Any]:
    return {
        "id": 492700400,
        "node_id": "IC_kwDOA",
        "user": user(),
        "body": body,
        "html_url": "https://github.com/acme/tally/issues/3#issuecomment-492700400",
        "created_at": "2026-05-15T15:21:00Z",
        "updated_at": "2026-05-15T15:21:00Z",
        "author_association": "OWNER",
        "performed_via_github_app": None,
    } | changes


def delivery(action: str, **parts: Any) -> dict[str, Any]:
    return {"action": action, "repository": REPOSITORY, "sender": user(), "installation": {"id": 5}} | parts


def issue_comment(body: str = "/claude fix it", action: str = "created", **changes: Any) -> dict[str, Any]:
    return delivery(action, issue=issue(), comment=comment(body, **changes))


def review(body: str | None = "/claude do all of this", **changes: Any) -> dict[str, Any]:
    return delivery(
        "submitted",
        pull_request=pull_request(),
        review={
            "id": 237895671,
            "node_id": "PRR_kwDOA",
            "user": user(),
            "body": body,
            "state": "commented",
            "submitted_at": "2026-05-15T15:21:10Z",
            "html_url": "https://github.com/acme/tally/pull/7#pullrequestreview-237895671",
            "commit_id": SHA,
        }
        | changes,
    )


def review_comment(body: str = "/claude rename this", **changes: Any) -> dict[str, Any]:
    line = {"path": "tally.py", "line": 3, "diff_hunk": "@@ -1 +1 @@", "pull_request_review_id": 237895671}
    said = comment(body, id=284312630, node_id="PRRC_kwDOA") | line | changes
    return delivery("created", pull_request=pull_request(), comment=said)


def labeled(name: str = "heddle", **changes: Any) -> dict[str, Any]:
    return delivery("labeled", issue=issue(**changes), label={"id": 1362934389, "name": name})


def assigned(login: str = "heddle-user", **changes: Any) -> dict[str, Any]:
    return delivery("assigned", issue=issue(**changes), assignee=user(login))


def check_suite(conclusion: str = "failure", **changes: Any) -> dict[str, Any]:
    pull = pull_request()
    brief = {"id": 279147437, "number": 7, "head": pull["head"], "base": pull["base"]}
    suite = {
        "id": 118578147,
        "head_branch": "heddle/count-words-once-1a2b3c",
        "head_sha": SHA,
        "status": "completed",
        "conclusion": conclusion,
        "pull_requests": [brief],
        "app": OTHER_APP,
        "updated_at": "2026-05-15T15:22:00Z",
    }
    return delivery("completed", check_suite=suite | changes)
