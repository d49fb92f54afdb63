"""Who is in a Slack channel, as Slack says at the moment of asking."""

from __future__ import annotations

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.posts import GONE
from bot.slack.thread import Thread

PAGE = 999  # the most that conversations.members gives at once


class SlackMembers:
    """Asks through `client`. Methods raise SlackApiError and aiohttp.ClientError."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def has(self, thread: Thread, user: str) -> bool:
        """Whether a user is in a thread's channel; False for a channel that Heddle can't see."""
        cursor = ""
        while True:
            try:
                answer = await self._client.conversations_members(
                    channel=thread.channel, limit=PAGE, cursor=cursor
                )
            except SlackApiError as error:
                if error.response.get("error") in GONE:
                    return False
                raise
            if user in answer["members"]:
                return True
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return False

    async def channel(self, thread: Thread) -> str:
        """The name of a thread's channel, if everybody in the team may know it; else empty."""
        try:
            channel = (await self._client.conversations_info(channel=thread.channel))["channel"]
        except SlackApiError as error:
            if error.response.get("error") in GONE:
                return ""
            raise
        hidden = channel.get("is_private") or channel.get("is_im") or channel.get("is_mpim")
        return "" if hidden else str(channel.get("name") or "")
