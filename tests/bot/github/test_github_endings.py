"""Ends of issues and pull requests, from deliveries and from GitHub itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.commands import SubjectName
from bot.conversations import Conversations
from bot.endings import Ending, Endings
from bot.github.addresses import address
from bot.github.client import GitHubClient
from bot.github.endings import EndedSubjects, query, read_answer, read_ending
from bot.schema import migrate
from orchestrator.database import Database
from orchestrator.tables import WorkspaceRow
from tests.bot.github import shapes
from tests.bot.github.hosting import REPOSITORY, Hosting, hosting

CLOSED, CLOSED_AT = "2026-05-15T15:30:00Z", 1778859000.0
ISSUE, PULL = "github:acme/tally#3", "github:acme/tally#7"


def told(event: str, action: str, **parts: Any) -> Ending | None:
    return read_ending(event, shapes.delivery(action, **parts), lambda: 5.0)


def test_issues_end_and_go_on() -> None:
    issue = shapes.issue(closed_at=CLOSED)
    assert told("issues", "closed", issue=issue) == Ending(ISSUE, True, CLOSED_AT)
    assert told("issues", "reopened", issue=shapes.issue()) == Ending(ISSUE, False, 5.0)
    assert told("issues", "deleted", issue=shapes.issue()) == Ending(ISSUE, True, 5.0)
    assert told("issues", "transferred", issue=shapes.issue()) == Ending(ISSUE, True, 5.0)


@pytest.mark.parametrize("merged", [True, False])
def test_pull_requests_end_merged_or_not(merged: bool) -> None:
    pull = shapes.pull_request(closed_at=CLOSED, merged=merged)
    assert told("pull_request", "closed", pull_request=pull) == Ending(PULL, True, CLOSED_AT, merged)
    assert told("pull_request", "reopened", pull_request=pull) == Ending(PULL, False, 5.0)


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("issues", shapes.delivery("labeled", issue=shapes.issue())),
        ("issue_comment", shapes.issue_comment()),
        ("issues", {"action": "closed"}),
        ("issues", shapes.delivery("closed", issue=None)),
        ("issues", shapes.delivery("closed", issue=shapes.issue(number="x"))),
        ("issues", shapes.delivery("closed", issue=shapes.issue(closed_at=7))),
        ("issues", shapes.delivery("closed", issue=shapes.issue()) | {"repository": {"full_name": 3}}),
        ("issues", {"action": ["closed"]}),
        ("pull_request", shapes.delivery("closed", pull_request=[])),
    ],
)
def test_anything_else_says_nothing(event: str, payload: dict[str, Any]) -> None:
    assert read_ending(event, payload) is None


@pytest.mark.parametrize("data", [{}, {"repository": None}, {"repository": {"s1": None, "x": 1, "s2": {}}}])
def test_answers_without_subjects_say_nothing(data: dict[str, Any]) -> None:
    assert read_answer(REPOSITORY, data) == []


def test_query_asks_for_each_number() -> None:
    assert query([3, 7]).count("issueOrPullRequest") == 2


# Against the stand-in


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Hosting]:
    async with hosting(tmp_path) as made:
        yield made


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'heddle.db'}")
    await migrate(made)
    yield made
    await made.close()


@pytest.fixture
async def client(host: Hosting) -> GitHubClient:
    return await host.app()


async def subject(database: Database, number: int) -> str:
    """A conversation with a workspace; its id."""
    made = await Conversations(database).ensure(
        "github", address(SubjectName(REPOSITORY, number)), REPOSITORY
    )
    async with database.write() as session:
        session.add(
            WorkspaceRow(
                id=f"w{number}",
                conversation_id=made.id,
                repository=REPOSITORY,
                base="main",
                branch=f"heddle/{number}",
                created_at=0.0,
                state="stopped",
            )
        )
    return made.id


async def test_missed_ends_are_asked_for(host: Hosting, client: GitHubClient, database: Database) -> None:
    numbers = [host.github.open_issue(REPOSITORY, f"Issue {each}").number for each in range(4)]
    ids = [await subject(database, number) for number in numbers]
    endings = Endings(database)
    looks = EndedSubjects(client, endings)
    await looks.look()
    assert await endings.ended() == {}
    host.github.close(REPOSITORY, numbers[1])
    await looks.look()
    assert list(await endings.ended()) == [ids[1]]
    host.github.reopen(REPOSITORY, numbers[1])
    await looks.look()
    assert await endings.ended() == {}
    assert host.asked("POST", "/graphql") == 3


async def test_one_that_is_gone_spoils_nothing(
    host: Hosting, client: GitHubClient, database: Database
) -> None:
    number = host.github.open_issue(REPOSITORY, "An issue").number
    there, gone = await subject(database, number), await subject(database, 99)
    host.github.close(REPOSITORY, number)
    endings = Endings(database)
    await EndedSubjects(client, endings).look()
    assert list(await endings.ended()) == [there]
    assert gone not in await endings.ended()


async def test_looks_are_bounded_and_go_round(
    host: Hosting, client: GitHubClient, database: Database
) -> None:
    numbers = [host.github.open_issue(REPOSITORY, f"Issue {each}").number for each in range(5)]
    for number in numbers:
        await subject(database, number)
        host.github.close(REPOSITORY, number)
    endings = Endings(database)
    looks = EndedSubjects(client, endings, most=2)
    found = []
    for _ in range(3):
        await looks.look()
        found.append(len(await endings.ended()))
    assert found == [2, 4, 5]


async def test_github_that_is_away_ends_nothing(
    host: Hosting, client: GitHubClient, database: Database
) -> None:
    number = host.github.open_issue(REPOSITORY, "An issue").number
    await subject(database, number)
    endings = Endings(database)
    await EndedSubjects(host.account("wrong"), endings).look()
    assert await endings.ended() == {}
