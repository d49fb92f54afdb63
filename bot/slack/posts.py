"""Heddle's posts in Slack: each key is posted once and edited from then on, within Slack's rate limits."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from aiolimiter import AsyncLimiter
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.post_records import PostRecords
from bot.slack.report import Rendered
from bot.slack.thread import Thread
from orchestrator.database import Database

METADATA = "heddle_post"
REMEMBERED = 200  # contents of posts, to leave out edits that change nothing
PAGE = 200

# Slack, "Rate limits": chat.update is in the tier of about 50 a minute, chat.postMessage takes one a
# second in a channel and short bursts.
UPDATES_PER_MINUTE = 45
POSTS = (3, 3.0)

# The place is gone or closed to Heddle: nothing can be shown there any more.
GONE = frozenset(
    {"channel_not_found", "not_in_channel", "is_archived", "restricted_action", "thread_not_found"}
)


class Posts:
    """Posts by key, remembered in `database`, written through `client`."""

    def __init__(self, client: AsyncWebClient, database: Database) -> None:
        self._client = client
        self._records = PostRecords(database)
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._shown: dict[tuple[str, str], Rendered] = {}
        self._updates = AsyncLimiter(UPDATES_PER_MINUTE, 60)
        self._channels: defaultdict[str, AsyncLimiter] = defaultdict(lambda: AsyncLimiter(*POSTS))

    async def put(self, key: str, conversation_id: str, thread: Thread, content: Rendered) -> None:
        """Post under `key`, or edit what was posted under it. Raises SlackApiError, aiohttp.ClientError."""
        async with self._locks.setdefault((key, conversation_id), asyncio.Lock()):
            if self._shown.get((key, conversation_id)) == content:
                return  # nobody would see a difference, and edits are counted
            reference = await self._known(key, conversation_id, thread)
            if reference is not None and not await self._edit(reference, thread, content):
                await self._records.forget(key, conversation_id)  # somebody has deleted it
                # Perhaps it was posted anew already, and Heddle died before it wrote that down.
                reference = await self._known(key, conversation_id, thread)
                if reference is not None:
                    await self._edit(reference, thread, content)
            if reference is None:
                await self._post(key, conversation_id, thread, content)
            self._shown[key, conversation_id] = content
            while len(self._shown) > REMEMBERED:
                self._shown.pop(next(iter(self._shown)))

    async def put_once(self, key: str, conversation_id: str, thread: Thread, content: Rendered) -> None:
        """Post under `key` unless that was done before."""
        async with self._locks.setdefault((key, conversation_id), asyncio.Lock()):
            if await self._known(key, conversation_id, thread) is None:
                await self._post(key, conversation_id, thread, content)

    async def upload_once(
        self, key: str, conversation_id: str, thread: Thread, file: Path, name: str
    ) -> None:
        """Add a file to the thread unless that was done before."""
        async with self._locks.setdefault((key, conversation_id), asyncio.Lock()):
            reference, fresh = await self._records.claim(key, conversation_id)
            if reference is not None or (not fresh and await self._has_file(thread, name)):
                return
            async with self._channels[thread.channel]:
                await self._client.files_upload_v2(
                    file=str(file), filename=name, title=name, channel=thread.channel, thread_ts=thread.ts
                )
            await self._records.remember(key, conversation_id, name)

    async def any_since(self, thread: Thread, ts: str) -> bool:
        """Whether anything was posted in a thread after a timestamp. Raises SlackApiError, aiohttp.ClientError."""
        async for post in self._replies(thread, oldest=ts):
            if float(post["ts"]) > float(ts) and post.get("metadata", {}).get("event_type") == METADATA:
                return True
        return False

    async def _known(self, key: str, conversation_id: str, thread: Thread) -> str | None:
        """The timestamp of what was posted under `key`."""
        reference, fresh = await self._records.claim(key, conversation_id)
        if reference is None and not fresh:  # an attempt whose outcome nobody wrote down
            reference = await self._find(key, thread)
            if reference is not None:
                await self._records.remember(key, conversation_id, reference)
        return reference

    async def _post(self, key: str, conversation_id: str, thread: Thread, content: Rendered) -> None:
        async with self._channels[thread.channel]:
            answer = await self._client.chat_postMessage(
                channel=thread.channel,
                thread_ts=thread.ts,
                text=content.text,
                blocks=content.blocks,
                metadata={"event_type": METADATA, "event_payload": {"key": key}},
                unfurl_links=False,
                unfurl_media=False,
            )
        await self._records.remember(key, conversation_id, str(answer["ts"]))

    async def _edit(self, reference: str, thread: Thread, content: Rendered) -> bool:
        """False when somebody has deleted the post."""
        async with self._updates:
            try:
                await self._client.chat_update(
                    channel=thread.channel, ts=reference, text=content.text, blocks=content.blocks
                )
            except SlackApiError as error:
                if error.response.get("error") == "message_not_found":
                    return False
                raise
        return True

    async def _find(self, key: str, thread: Thread) -> str | None:
        async for post in self._replies(thread):
            metadata = post.get("metadata", {})
            if metadata.get("event_type") == METADATA and metadata.get("event_payload", {}).get("key") == key:
                return str(post["ts"])
        return None

    async def _has_file(self, thread: Thread, name: str) -> bool:
        async for post in self._replies(thread):
            if any(file.get("name") == name for file in post.get("files", [])):
                return True
        return False

    async def _replies(self, thread: Thread, oldest: str | None = None) -> Any:
        cursor = None
        while True:
            answer = await self._client.conversations_replies(
                channel=thread.channel,
                ts=thread.ts,
                oldest=oldest,
                limit=PAGE,
                cursor=cursor,
                include_all_metadata=True,
            )
            for post in answer["messages"]:
                yield post
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return
