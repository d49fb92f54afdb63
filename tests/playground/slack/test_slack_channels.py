"""Channels that are archived, taken back and deleted: what Slack sends, and what it answers from then on."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from playground.slack.server import SlackStandIn

DEMO = "#heddle-demo"


def told(slack: SlackStandIn) -> list[tuple[Any, Any, Any]]:
    events: list[Any] = [delivery.payload["event"] for delivery in slack.deliveries]
    return [(event["type"], event["channel"], event.get("user")) for event in events]


async def test_archived_channel_is_told_of_read_and_not_written_to() -> None:
    async with SlackStandIn() as slack:
        channel, ada = slack.state.channel(DEMO).id, slack.state.person("ada").id
        ts = await slack.post("ada", DEMO, "hello")
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        slack.end_channel("ada", DEMO, "archive")
        assert told(slack)[-1] == ("channel_archive", channel, ada)
        assert (await client.conversations_info(channel=channel))["channel"]["is_archived"] is True
        assert (await client.conversations_replies(channel=channel, ts=ts))["messages"]
        with pytest.raises(SlackApiError, match="is_archived"):
            await client.chat_postMessage(channel=channel, text="hello")
        with pytest.raises(ValueError, match="archive"):
            slack.end_channel("ada", DEMO, "archive")
        slack.end_channel("ada", DEMO, "unarchive")
        assert told(slack)[-1] == ("channel_unarchive", channel, ada)
        await client.chat_postMessage(channel=channel, text="hello")


async def test_deleted_channel_is_gone() -> None:
    async with SlackStandIn() as slack:
        channel = slack.state.channel(DEMO).id
        await slack.post("ada", DEMO, "hello")
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        slack.end_channel("ada", DEMO, "deleted")
        assert told(slack)[-1] == ("channel_deleted", channel, None)
        with pytest.raises(SlackApiError, match="channel_not_found"):
            await client.chat_postMessage(channel=channel, text="hello")


@pytest.mark.parametrize("what", ["archive", "deleted", "nonsense"])
async def test_direct_messages_do_not_end(what: str) -> None:
    async with SlackStandIn() as slack:
        with pytest.raises(ValueError, match=what):
            slack.end_channel("ada", slack.direct.id, what)
