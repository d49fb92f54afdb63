"""Reading GitHub's answers: by their shape, and from the stand-in that executes the query."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from github import Auth, Github, UnknownObjectException

from bot.github.snapshot import QUERY, read
from bot.github.subjects import Author, Head, SubjectKind, SubjectState
from playground.github.records import ReviewState
from playground.github.reviews import DraftComment
from playground.github.server import GitHubStandIn

WIDGETS = "acme/widgets"
PAGE = f"https://github.com/{WIDGETS}/pull/7"
BIG = 4_000_000_001  # more than GraphQL's integers hold


def written(fragment: str, **changes: Any) -> dict[str, Any]:
    return {
        "url": f"{PAGE}#{fragment}",
        "body": "hello",
        "bodyHTML": "<p>hello</p>",
        "createdAt": "2026-03-01T10:00:00Z",
        "lastEditedAt": None,
        "isMinimized": False,
        "authorAssociation": "NONE",
        "author": {"__typename": "User", "login": "ada"},
        **changes,
    }


def pull(**changes: Any) -> dict[str, Any]:
    found = {
        **written("", url=PAGE),
        "__typename": "PullRequest",
        "number": 7,
        "title": "Turn",
        "pullState": "MERGED",
        "comments": {"nodes": [written(f"issuecomment-{BIG}"), written("issuecomment-5"), None]},
        "headRefName": "topic",
        "headRefOid": "a" * 40,
        "baseRefName": "main",
        "isCrossRepository": False,
        "headRepository": {"nameWithOwner": WIDGETS},
        "reviews": {"nodes": []},
        **changes,
    }
    about = {"nameWithOwner": WIDGETS, "defaultBranchRef": {"name": "main"}}
    return {"repository": about | {"issueOrPullRequest": found}}


def review(**changes: Any) -> dict[str, Any]:
    line = {"path": "a.py", "line": None, "diffHunk": "@@ -1 +1 @@\n+x"}
    return {
        **written("pullrequestreview-9", state="APPROVED", submittedAt="2026-03-01T11:00:00Z"),
        "comments": {"nodes": [{**written("discussion_r11"), **line}]},
        **changes,
    }


def test_a_pull_request_is_read_whole() -> None:
    subject = read(pull(reviews={"nodes": [review()]}))
    assert subject is not None
    assert (subject.kind, subject.state, subject.base) == (
        SubjectKind.PULL_REQUEST,
        SubjectState.MERGED,
        "main",
    )
    assert subject.head == Head("topic", "a" * 40, fork=False)
    assert [post.id for post in subject.posts] == [5, BIG]
    (found,) = subject.reviews
    assert (found.post.id, found.verdict, found.post.created_at) == (9, "APPROVED", 1772362800.0)
    assert (found.comments[0].post.id, found.comments[0].line) == (11, None)


@pytest.mark.parametrize("changes", [{"isCrossRepository": True}, {"headRepository": None}])
def test_a_branch_elsewhere_or_nowhere_is_a_forks(changes: dict[str, Any]) -> None:
    subject = read(pull(**changes))
    assert subject is not None
    assert subject.head is not None
    assert subject.head.fork


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        ({"__typename": "Bot", "login": "heddle"}, Author("heddle[bot]", bot=True)),
        ({"__typename": "Bot", "login": "heddle[bot]"}, Author("heddle[bot]", bot=True)),
        ({"__typename": "User", "login": "ada"}, Author("ada")),
        (None, Author("")),
    ],
)
def test_authors_have_the_logins_of_rest(author: object, expected: Author) -> None:
    subject = read(pull(author=author))
    assert subject is not None
    assert subject.opening.author == expected


def test_reviews_that_are_not_submitted_are_left_out_and_dismissed_ones_say_nothing() -> None:
    nodes = [review(state="PENDING", submittedAt=None), review(state="DISMISSED")]
    subject = read(pull(reviews={"nodes": nodes}))
    assert subject is not None
    assert [each.verdict for each in subject.reviews] == ["COMMENTED"]


@pytest.mark.parametrize(
    "data",
    [
        {"repository": None},
        {"repository": {"nameWithOwner": "a/b", "defaultBranchRef": None, "issueOrPullRequest": None}},
    ],
)
def test_what_is_not_there_is_none(data: dict[str, Any]) -> None:
    assert read(data) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"repository": {}},
        pull(number="7"),
        pull(pullState="ODD"),
        pull(__typename="Discussion"),
        pull(createdAt="yesterday"),
        pull(comments={"nodes": [written("elsewhere-1")]}),
    ],
)
def test_other_shapes_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read(copy.deepcopy(wrong))


@pytest.fixture
async def stand_in(tmp_path: Path) -> AsyncIterator[GitHubStandIn]:
    async with GitHubStandIn(root=tmp_path / "github") as running:
        await running.create_repository(WIDGETS, files={"src/widget.py": "one\ntwo\n"})
        yield running


async def ask(stand_in: GitHubStandIn, number: int) -> dict[str, Any]:
    def run() -> dict[str, Any]:
        auth = Auth.Token(stand_in.token)
        with Github(auth=auth, base_url=stand_in.api_url, retry=None, seconds_between_requests=0) as client:
            variables = {"owner": "acme", "name": "widgets", "number": number}
            _, answer = client.requester.graphql_query(QUERY, variables)
            data: dict[str, Any] = answer["data"]
            return data

    return await asyncio.to_thread(run)


async def test_the_query_is_answered_for_issues(stand_in: GitHubStandIn) -> None:
    issue = stand_in.open_issue(WIDGETS, "It squeaks", "When turned.")
    kept = stand_in.comment(WIDGETS, issue.number, "Everywhere")
    hidden = stand_in.comment(WIDGETS, issue.number, "Buy this")
    stand_in.minimize_comment(WIDGETS, hidden.id)
    subject = read(await ask(stand_in, issue.number))
    assert subject is not None
    assert (subject.repository, subject.number, subject.kind) == (WIDGETS, issue.number, SubjectKind.ISSUE)
    assert (subject.title, subject.opening.body, subject.state) == (
        "It squeaks",
        "When turned.",
        SubjectState.OPEN,
    )
    assert [(post.id, post.minimized) for post in subject.posts] == [(kept.id, False), (hidden.id, True)]
    assert "When turned." in subject.opening.html


async def test_the_query_is_answered_for_pull_requests(stand_in: GitHubStandIn) -> None:
    await stand_in.commit(WIDGETS, {"src/widget.py": "one\n2\n"}, branch="topic")
    made = await stand_in.open_pull_request(WIDGETS, "Digits", head="topic")
    sent = await stand_in.collaboration.submit_review(
        WIDGETS,
        made.number,
        state=ReviewState.COMMENTED,
        body="Look here",
        comments=[DraftComment("src/widget.py", 2, "Why?")],
    )
    subject = read(await ask(stand_in, made.number))
    assert subject is not None
    assert subject.kind is SubjectKind.PULL_REQUEST
    assert subject.head is not None
    assert (subject.head.branch, subject.head.fork, subject.base) == ("topic", False, "main")
    (found,) = subject.reviews
    assert (found.post.id, found.post.body, found.verdict) == (sent.id, "Look here", "COMMENTED")
    (comment,) = found.comments
    assert (comment.path, comment.line, comment.post.body) == ("src/widget.py", 2, "Why?")
    assert "@@" in comment.hunk


async def test_nothing_is_known_of_what_is_not_there(stand_in: GitHubStandIn) -> None:
    with pytest.raises(UnknownObjectException):
        await ask(stand_in, 99)
