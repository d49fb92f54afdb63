"""Posts by key: once, edited, found again, against the Slack stand-in through the real client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import sqlalchemy as sa
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.conversations import Conversations
from bot.restored import RESTORED
from bot.schema import migrate
from bot.slack.posts import Posts
from bot.slack.report import notice
from bot.slack.thread import Thread
from bot.tables import PostRow
from orchestrator.database import Database
from orchestrator.tables import MarkRow
from playground.slack.records import Message
from playground.slack.server import SlackStandIn

CHANNEL = "#heddle-demo"


class Place:
    """A thread in the stand-in, and posts made by a process that may be replaced by another one."""

    def __init__(self, slack: SlackStandIn, client: AsyncWebClient, database: Database, ts: str) -> None:
        self.slack = slack
        self.thread = Thread(slack.team_id, slack.state.channel(CHANNEL).id, ts)
        self._client, self._database = client, database
        self.posts = Posts(client, database)

    def restart(self) -> None:
        self.posts = Posts(self._client, self._database)

    async def conversation(self) -> str:
        return (await Conversations(self._database).ensure("slack", self.thread.address, None)).id

    async def forget(self) -> None:
        """The database is returned to a backup from before all posts."""
        async with self._database.write() as session:
            await session.execute(sa.delete(PostRow))
            session.add(MarkRow(name=RESTORED, at=time.time(), text="0"))
        self.restart()

    def shown(self) -> list[Message]:
        return self.slack.messages(CHANNEL, self.thread.ts)[1:]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    database = Database(f"sqlite:///{tmp_path / 'heddle.db'}")
    await migrate(database)
    async with SlackStandIn() as slack, aiohttp.ClientSession() as session:
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url, session=session)
        ts = await slack.post("ada", CHANNEL, "hello")
        yield Place(slack, client, database, ts)
    await database.close()


async def test_key_is_posted_once_and_edited_then(place: Place) -> None:
    for text in ("one", "two", "three"):
        await place.posts.put("report:1", "c", place.thread, notice(text))
    (post,) = place.shown()
    assert post.shown == "three"
    assert post.edited == 2


async def test_edit_that_changes_nothing_is_left_out(place: Place) -> None:
    for _ in range(3):
        await place.posts.put("report:1", "c", place.thread, notice("same"))
    assert [call.method for call in place.slack.calls].count("chat.update") == 0
    (post,) = place.shown()
    assert post.shown == "same"


async def test_put_at_once_is_one_post(place: Place) -> None:
    await asyncio.gather(*(place.posts.put("k", "c", place.thread, notice(str(n))) for n in range(8)))
    assert len(place.shown()) == 1


async def test_put_once_leaves_what_is_there(place: Place) -> None:
    await place.posts.put_once("k", "c", place.thread, notice("first"))
    place.restart()
    await place.posts.put_once("k", "c", place.thread, notice("second"))
    assert [post.shown for post in place.shown()] == ["first"]


async def test_post_whose_answer_was_lost_is_found_again(place: Place) -> None:
    """Heddle died after Slack had taken the post and before it had remembered that."""

    async def forget(key: str, conversation_id: str, reference: str) -> None:
        raise ConnectionAbortedError

    place.posts._records.remember = forget  # type: ignore[method-assign]
    with pytest.raises(ConnectionAbortedError):
        await place.posts.put("k", "c", place.thread, notice("posted"))
    for number in range(3):  # others in between do not hide it
        await place.slack.post("grace", CHANNEL, f"chat {number}", thread_ts=place.thread.ts)
    place.restart()
    await place.posts.put("k", "c", place.thread, notice("edited"))
    assert [post.shown for post in place.shown() if post.bot_id] == ["edited"]


async def test_deleted_post_is_posted_anew(place: Place) -> None:
    await place.posts.put("k", "c", place.thread, notice("one"))
    await place.slack.delete(CHANNEL, place.shown()[0].ts)
    await place.posts.put("k", "c", place.thread, notice("two"))
    assert [post.shown for post in place.shown() if post.bot_id] == ["two"]


async def test_refusal_is_raised_and_retried_later(place: Place) -> None:
    place.slack.fail("chat.postMessage", "internal_error")
    with pytest.raises(SlackApiError):
        await place.posts.put("k", "c", place.thread, notice("one"))
    assert place.shown() == []
    await place.posts.put("k", "c", place.thread, notice("two"))
    assert [post.shown for post in place.shown()] == ["two"]


async def test_file_is_added_once(place: Place, tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    log.write_text("all of it\n")
    await place.posts.upload_once("log:1", "c", place.thread, log, "run.log")
    place.restart()
    await place.posts.upload_once("log:1", "c", place.thread, log, "run.log")
    files = [file for post in place.shown() for file in post.files]
    assert [file.content for file in files] == [b"all of it\n"]


async def test_only_own_posts_after_a_message_count_as_an_answer(place: Place) -> None:
    assert not await place.posts.any_since(place.thread, place.thread.ts)
    await place.posts.put("report:1", "c", place.thread, notice("one"))
    assert await place.posts.any_since(place.thread, place.thread.ts)
    later = await place.slack.post("ada", CHANNEL, "and this", thread_ts=place.thread.ts)
    await place.slack.post("ada", CHANNEL, "please", thread_ts=place.thread.ts)
    assert not await place.posts.any_since(place.thread, later)


async def test_post_that_a_returned_database_does_not_know_is_found(place: Place) -> None:
    conversation = await place.conversation()
    await place.posts.put("report:1", conversation, place.thread, notice("one"))
    await place.forget()
    await place.posts.put("report:1", conversation, place.thread, notice("two"))
    (post,) = place.shown()
    assert post.shown == "two"
