"""What only one person in a Slack thread is told."""

from __future__ import annotations

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.report import notice
from bot.slack.thread import Thread

DIRECT = "D"  # what the id of a conversation between Heddle and one person starts with


class PrivateNotes:
    """Notes to one person, written through `client`. Slack doesn't keep them: a reload takes them away."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def tell(self, thread: Thread, user: str, text: str) -> None:
        """Show markdown to one person only, in the thread. Raises SlackApiError, aiohttp.ClientError."""
        content = notice(text)
        try:
            # Slack shows a note in a thread only when the thread has a reply already.
            await self._client.chat_postEphemeral(
                channel=thread.channel,
                user=user,
                text=content.text,
                blocks=content.blocks,
                thread_ts=thread.ts if await self._has_replies(thread) else None,
            )
        except SlackApiError as error:
            direct = thread.channel.startswith(DIRECT)
            if not direct or error.response.get("error") != "channel_not_found":
                raise
            await self._client.chat_postMessage(
                channel=thread.channel,
                thread_ts=thread.ts,
                text=content.text,
                blocks=content.blocks,
                unfurl_links=False,
                unfurl_media=False,
            )

    async def _has_replies(self, thread: Thread) -> bool:
        answer = await self._client.conversations_replies(channel=thread.channel, ts=thread.ts, limit=2)
        return len(answer["messages"]) > 1
