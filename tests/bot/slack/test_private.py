"""Notes that one person sees, against the Slack stand-in through the real client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.private import PrivateNotes
from bot.slack.thread import Thread
from playground.slack.server import SlackStandIn

CHANNEL = "#heddle-demo"
LINK = "[Link your GitHub account](http://127.0.0.1:8080/link/github?ticket=a_b-c__d)"


@dataclass(frozen=True, slots=True)
class Place:
    """A thread that Ada has begun, in the stand-in."""

    slack: SlackStandIn
    client: AsyncWebClient
    notes: PrivateNotes
    thread: Thread
    ada: str

    async def page(self, channel: str) -> list[str]:
        """What Ada's page shows of a channel, as HTML."""
        url = f"{self.slack.url}page/channels/{channel}"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return [message["html"] for message in (await answer.json())["messages"]]

    async def history(self) -> list[str]:
        """The texts of the thread, for anyone who asks Slack."""
        answer = await self.client.conversations_replies(channel=self.thread.channel, ts=self.thread.ts)
        return [message["text"] for message in answer["messages"]]


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with SlackStandIn() as slack, aiohttp.ClientSession() as session:
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url, session=session)
        ts = await slack.post("ada", CHANNEL, "hello")
        thread = Thread(slack.team_id, slack.state.channel(CHANNEL).id, ts)
        yield Place(slack, client, PrivateNotes(client), thread, slack.state.person("ada").id)


async def test_only_that_person_sees_the_note_in_the_thread(place: Place) -> None:
    await place.slack.post("grace", CHANNEL, "a reply", thread_ts=place.thread.ts)
    await place.notes.tell(place.thread, place.ada, LINK)
    note = place.slack.messages(CHANNEL, place.thread.ts)[-1]
    assert (note.only_for, note.thread_ts) == (place.ada, place.thread.ts)
    assert note.blocks[0]["type"] == "markdown"
    assert await place.history() == ["hello", "a reply"]
    (shown,) = [html for html in await place.page(place.thread.channel) if "Only visible to you" in html]
    assert 'href="http://127.0.0.1:8080/link/github?ticket=a_b-c__d"' in shown
    assert "<b>1 reply</b>" in (await place.page(place.thread.channel))[0]  # a note counts for nobody


async def test_somebody_elses_note_is_on_nobody_elses_page(place: Place) -> None:
    await place.notes.tell(place.thread, place.slack.state.person("grace").id, LINK)
    assert not any("ticket" in html for html in await place.page(place.thread.channel))


async def test_note_is_seen_where_the_thread_has_no_reply_yet(place: Place) -> None:
    await place.notes.tell(place.thread, place.ada, LINK)
    shown = await place.page(place.thread.channel)
    assert len(shown) == 2
    assert "ticket" in shown[1]


async def test_thread_without_replies_would_not_show_it(place: Place) -> None:
    """The stand-in hides what Slack hides, so that the test above can fail."""
    await place.client.chat_postEphemeral(
        channel=place.thread.channel, user=place.ada, text="psst", thread_ts=place.thread.ts
    )
    assert not any("psst" in html for html in await place.page(place.thread.channel))


async def direct(place: Place) -> Thread:
    """A thread between Ada and Heddle alone."""
    channel = str((await place.client.conversations_open(users=place.ada))["channel"]["id"])
    return Thread(place.slack.team_id, channel, await place.slack.post("ada", channel, "hello"))


async def test_direct_conversation_that_takes_no_note_gets_a_message(place: Place) -> None:
    thread = await direct(place)
    assert thread.channel.startswith("D")
    place.slack.fail("chat.postEphemeral", "channel_not_found")
    await place.notes.tell(thread, place.ada, LINK)
    post = place.slack.messages(thread.channel, thread.ts)[-1]
    assert "Link your GitHub account" in post.shown
    assert (post.only_for, post.thread_ts) == ("", thread.ts)


async def test_channel_never_gets_it_as_a_message(place: Place) -> None:
    place.slack.fail("chat.postEphemeral", "channel_not_found")
    with pytest.raises(SlackApiError):
        await place.notes.tell(place.thread, place.ada, LINK)
    assert [message.text for message in place.slack.messages(CHANNEL)] == ["hello"]


async def test_direct_conversation_repeats_nothing_after_another_refusal(place: Place) -> None:
    thread = await direct(place)
    place.slack.fail("chat.postEphemeral", "internal_error")
    with pytest.raises(SlackApiError):
        await place.notes.tell(thread, place.ada, LINK)
    assert len(place.slack.messages(thread.channel)) == 1
