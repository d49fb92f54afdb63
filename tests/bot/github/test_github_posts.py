"""Comments by key: once, edited, found again, against the GitHub stand-in through the real client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs

from bot.accounts import Accounts
from bot.commands import SubjectName
from bot.conversations import Conversation, Conversations
from bot.github.addresses import PLATFORM, address
from bot.github.client import GitHubClient
from bot.github.host import GitHubHost
from bot.github.platform import GitHub
from bot.github.posts import GitHubPosts
from bot.github.report import key_of, marked
from bot.github.rights import GitHubRights
from bot.post_records import PostRecords
from bot.schema import migrate
from orchestrator.database import Database
from orchestrator.forge import ForgeError, ForgeUnavailable
from orchestrator.report import Report, RunState
from playground.github.records import Comment
from tests.bot.github.hosting import REPOSITORY, Hosting, hosting

REPORT = Report(run_id="r1", task="Fix it", state=RunState.WORKING, started_at=0.0, repository=REPOSITORY)


@dataclass
class Place:
    """An issue in the stand-in, and posts made by a process that may be replaced by another one."""

    hosting: Hosting
    client: GitHubClient
    database: Database
    subject: SubjectName
    posts: GitHubPosts

    def restart(self) -> None:
        self.posts = GitHubPosts(self.client, PostRecords(self.database))

    def shown(self) -> list[Comment]:
        return list(self.hosting.github.comments(REPOSITORY, self.subject.number))

    def texts(self) -> list[str]:
        """What Heddle's comments say, without their markers."""
        return [
            comment.body.partition("\n")[2] for comment in self.shown() if comment.user.login == "heddle[bot]"
        ]

    async def put(self, text: str, key: str = "report:1", conversation: str = "c") -> None:
        await self.posts.put(key, conversation, self.subject, text)

    async def put_once(self, text: str, key: str = "answer:1") -> None:
        await self.posts.put_once(key, "c", self.subject, text)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    database = Database(f"sqlite:///{tmp_path / 'heddle.db'}")
    await migrate(database)
    async with hosting(tmp_path / "github") as there:
        number = there.github.open_issue(REPOSITORY, "Words are counted twice").number
        client = await there.app()
        posts = GitHubPosts(client, PostRecords(database))
        yield Place(there, client, database, SubjectName(REPOSITORY, number), posts)
    await database.close()


@dataclass(frozen=True, slots=True)
class Platform:
    """The platform over the place's GitHub, and the issue's conversation."""

    github: GitHub
    conversation: Conversation


@pytest.fixture
async def platform(place: Place) -> AsyncIterator[Platform]:
    conversations = Conversations(place.database)
    async with aiohttp.ClientSession() as session:
        host = GitHubHost(
            place.client,
            conversations=conversations,
            records=PostRecords(place.database),
            rights=GitHubRights(place.client, Accounts(place.database), apps=frozenset()),
            session=session,
            server_url=place.hosting.github.url,
            name="heddle",
        )
        found = await conversations.ensure(PLATFORM, address(place.subject), REPOSITORY)
        yield Platform(host.platform, found)


async def test_key_is_posted_once_and_edited_then(place: Place) -> None:
    for text in ("one", "two", "three"):
        await place.put(text)
    (comment,) = place.shown()
    assert comment.user.login == "heddle[bot]"
    assert comment.body == marked("report:1", "three")
    assert place.hosting.asked("PATCH", f"/issues/comments/{comment.id}") == 2


async def test_edits_go_on_after_a_restart(place: Place) -> None:
    await place.put("one")
    place.restart()
    await place.put("two")
    assert place.texts() == ["two"]


async def test_put_at_once_is_one_post(place: Place) -> None:
    await asyncio.gather(*(place.put(str(number)) for number in range(6)))
    assert len(place.shown()) == 1


async def test_equal_text_makes_no_request(place: Place) -> None:
    await place.put("same")
    known = len(place.hosting.github.calls)
    for _ in range(3):
        await place.put("same")
    assert len(place.hosting.github.calls) == known
    await place.put("other")
    assert len(place.hosting.github.calls) > known


async def test_put_once_leaves_what_is_there(place: Place) -> None:
    await place.put_once("first")
    place.restart()
    known = len(place.hosting.github.calls)
    await place.put_once("second")
    assert place.texts() == ["first"]
    assert len(place.hosting.github.calls) == known


async def test_same_key_in_two_conversations_is_two_posts(place: Place) -> None:
    await place.put("here", conversation="c1")
    await place.put("there", conversation="c2")
    await place.put("here again", conversation="c1")
    assert place.texts() == ["here again", "there"]


async def killed_after_posting(place: Place, text: str) -> None:
    """Heddle dies after GitHub has taken the comment and before it has remembered that."""

    async def forget(key: str, conversation_id: str, reference: str) -> None:
        raise ConnectionAbortedError

    place.posts._records.remember = forget  # type: ignore[method-assign]
    with pytest.raises(ConnectionAbortedError):
        await place.put(text)
    place.restart()


async def test_post_whose_answer_was_lost_is_found_again(place: Place) -> None:
    await killed_after_posting(place, "posted")
    for number in range(3):  # others in between do not hide it
        place.hosting.github.comment(REPOSITORY, place.subject.number, f"chat {number}", author="grace")
    await place.put("edited")
    assert place.texts() == ["edited"]
    place.restart()
    await place.put("edited once more")  # what was found is remembered
    assert place.texts() == ["edited once more"]


async def test_post_whose_answer_was_lost_is_found_on_a_later_page(place: Place) -> None:
    for number in range(120):
        place.hosting.github.comment(REPOSITORY, place.subject.number, f"chat {number}", author="grace")
    await killed_after_posting(place, "posted")
    await place.put("edited")
    assert place.texts() == ["edited"]


async def test_attempt_that_github_never_saw_is_posted(place: Place) -> None:
    place.hosting.github.fail("*/issues/*/comments", 403, method="POST")
    with pytest.raises(ForgeError):
        await place.put("refused")
    assert place.shown() == []
    await place.put("posted")
    assert place.texts() == ["posted"]


async def test_deleted_comment_is_posted_anew(place: Place) -> None:
    await place.put("one")
    del place.hosting.github.repository(REPOSITORY).comments[place.shown()[0].id]
    await place.put("two")
    assert place.texts() == ["two"]
    place.restart()
    await place.put("three")
    assert place.texts() == ["three"]


async def test_deleted_comment_is_posted_anew_once_though_killed(place: Place) -> None:
    await place.put("one")
    del place.hosting.github.repository(REPOSITORY).comments[place.shown()[0].id]
    await killed_after_posting(place, "two")
    await place.put("three")
    assert place.texts() == ["three"]


async def test_outsiders_marker_is_not_taken_for_heddles_post(place: Place) -> None:
    await PostRecords(place.database).claim("report:1", "c")  # an attempt whose outcome nobody wrote down
    body = marked("report:1", "I am Heddle")
    place.hosting.github.comment(REPOSITORY, place.subject.number, body, author="mallory")
    await place.put("mine")
    outsiders, own = place.shown()
    assert (outsiders.user.login, outsiders.body) == ("mallory", body)
    assert (own.user.login, own.body) == ("heddle[bot]", marked("report:1", "mine"))


async def test_text_can_not_bear_another_key(place: Place) -> None:
    await place.put(marked("report:2", "hello"))
    (comment,) = place.shown()
    assert key_of(comment.body) == "report:1"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, '{"message": "Unable to create comment because issue is locked."}'),
        (404, '{"message": "Not Found"}'),
        (410, '{"message": "This issue was deleted"}'),
        (403, '{"message": "Resource not accessible by integration"}'),
    ],
    ids=["locked", "missing", "gone", "forbidden"],
)
async def test_place_where_nothing_can_be_shown_is_passed_over(
    place: Place, platform: Platform, status: int, body: str
) -> None:
    place.hosting.github.fail("*/comments", status, body, times=None, method="POST")
    with capture_logs() as logs:
        await platform.github.say(platform.conversation, "answer:1", "hello")
        await platform.github.show(platform.conversation, "report:1", REPORT, "")
    assert [entry["event"] for entry in logs] == ["can't post"] * 2
    assert {entry["conversation"] for entry in logs} == {address(place.subject)}
    assert place.shown() == []


async def test_report_that_can_no_longer_be_edited_is_passed_over(place: Place, platform: Platform) -> None:
    await platform.github.show(platform.conversation, "report:1", REPORT, "")
    locked = '{"message": "Unable to edit comment because issue is locked."}'
    place.hosting.github.fail("*/comments/*", 403, locked, times=None, method="PATCH")
    with capture_logs() as logs:
        await platform.github.show(
            platform.conversation, "report:1", Report("r1", "Fix it", RunState.STOPPED, 0.0), ""
        )
    assert [entry["event"] for entry in logs] == ["can't post"]
    assert len(place.shown()) == 1


async def test_issue_that_does_not_exist_is_passed_over(place: Place, platform: Platform) -> None:
    name = SubjectName(REPOSITORY, 99)
    missing = await Conversations(place.database).ensure(PLATFORM, address(name), REPOSITORY)
    with capture_logs() as logs:
        await platform.github.say(missing, "answer:1", "hello")
    assert [entry["event"] for entry in logs] == ["can't post"]


async def test_github_that_is_away_is_the_callers_to_repeat(place: Place, platform: Platform) -> None:
    place.hosting.github.fail("*/comments", 503, times=None, method="POST")
    with pytest.raises(ForgeUnavailable):
        await platform.github.say(platform.conversation, "answer:1", "hello")
    with pytest.raises(ForgeUnavailable):
        await platform.github.show(platform.conversation, "report:1", REPORT, "")
    place.hosting.github.mend()
    await platform.github.say(platform.conversation, "answer:1", "hello")
    await platform.github.show(platform.conversation, "report:1", REPORT, "")
    assert len(place.shown()) == 2


async def test_only_own_posts_after_a_message_count_as_an_answer(place: Place) -> None:
    began = time.time()
    place.hosting.github.comment(REPOSITORY, place.subject.number, marked("report:1", "not Heddle's"))
    assert not await place.posts.any_since(place.subject, began)
    await place.put("one")
    assert await place.posts.any_since(place.subject, began)
    assert not await place.posts.any_since(place.subject, time.time() + 5)
