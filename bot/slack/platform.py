"""Slack as a platform: Heddle's posts, reactions, questions and files in threads."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from aiolimiter import AsyncLimiter
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot import wording
from bot.conversations import Conversation, Message, MessageKind
from bot.platform import Background, Brief, Button
from bot.slack.context import Line, render_background, render_context
from bot.slack.escape import plain_text
from bot.slack.posts import GONE, Posts
from bot.slack.private import PrivateNotes
from bot.slack.report import notice, picked, picker, render
from bot.slack.thread import Thread, source_ts
from orchestrator.database import Database
from orchestrator.report import Report

SEEN = "eyes"
CONTEXT_POSTS = 100

log = structlog.get_logger(__name__)


class Slack:
    """The Slack side of conversations. Methods raise SlackApiError and aiohttp.ClientError."""

    interval = 1.5
    help = wording.SLACK_HELP
    fixed = False
    takes_files = True
    private = True
    call = ""

    def __init__(self, client: AsyncWebClient, database: Database, bot_user_id: str) -> None:
        self._client = client
        self._posts = Posts(client, database)
        self._notes = PrivateNotes(client)
        self._bot_user_id = bot_user_id
        self._names: dict[str, str] = {}
        self._reactions = AsyncLimiter(20, 20)  # Slack's tier 3, about 50 a minute, with its short bursts

    async def seen(self, message: Message) -> None:
        if message.kind is not MessageKind.TEXT:
            return
        thread = Thread.of(message.conversation.address)
        async with self._reactions:
            try:
                await self._client.reactions_add(
                    channel=thread.channel, timestamp=source_ts(message.source), name=SEEN
                )
            except SlackApiError as error:
                if error.response.get("error") not in ("already_reacted", "message_not_found", *GONE):
                    raise

    async def done(self, message: Message, *, good: bool) -> None:
        """The answer or the report in the thread says it already."""

    async def replied(self, message: Message) -> bool:
        spoken = message.kind is MessageKind.TEXT
        ts = source_ts(message.source) if spoken else f"{message.received_at:.6f}"
        async with _unless_gone(message.conversation):
            return await self._posts.any_since(Thread.of(message.conversation.address), ts)
        return True

    async def say(
        self, conversation: Conversation, key: str, text: str, buttons: Sequence[Button] = ()
    ) -> None:
        async with _unless_gone(conversation):
            thread = Thread.of(conversation.address)
            await self._posts.put_once(key, conversation.id, thread, notice(text, buttons))

    async def tell(self, message: Message, text: str) -> None:
        async with _unless_gone(message.conversation):
            await self._notes.tell(Thread.of(message.conversation.address), message.author, text)

    async def ask_repository(
        self, conversation: Conversation, key: str, question_id: str, repositories: Sequence[str]
    ) -> None:
        async with _unless_gone(conversation):
            thread = Thread.of(conversation.address)
            await self._posts.put_once(
                key, conversation.id, thread, picker(repositories, question_id=question_id)
            )

    async def answered(self, conversation: Conversation, key: str, repository: str) -> None:
        async with _unless_gone(conversation):
            thread = Thread.of(conversation.address)
            await self._posts.put(key, conversation.id, thread, picked(repository))

    async def show(self, conversation: Conversation, key: str, report: Report, page: str) -> None:
        async with _unless_gone(conversation):
            thread = Thread.of(conversation.address)
            await self._posts.put(key, conversation.id, thread, render(report, now=time.time()))

    async def attach(self, conversation: Conversation, key: str, log: Path) -> None:
        async with _unless_gone(conversation):
            thread = Thread.of(conversation.address)
            await self._posts.upload_once(key, conversation.id, thread, log, f"heddle-{log.name}")

    async def brief(self, message: Message, text: str) -> Brief:
        thread = Thread.of(message.conversation.address)
        ts = source_ts(message.source) if message.kind is MessageKind.TEXT else thread.ts
        lines = await self._lines(thread, ts) if ts != thread.ts else []
        author, channel = await self.name(message.author), await self._channel_name(thread)
        return Brief(text, Background(render_context(author, channel, lines)))

    async def background(self, conversation: Conversation, until: float) -> Background:
        thread = Thread.of(conversation.address)
        try:
            lines = await self._lines(thread, f"{until:.6f}")
            return Background(render_background(await self._channel_name(thread), lines))
        except SlackApiError as error:
            if error.response.get("error") not in GONE:
                raise
            return Background("")

    async def _lines(self, thread: Thread, before: str) -> list[Line]:
        """What people posted in a thread before a timestamp."""
        answer = await self._client.conversations_replies(
            channel=thread.channel, ts=thread.ts, latest=before, inclusive=False, limit=CONTEXT_POSTS
        )
        # Heddle's own posts are reports of work that Claude remembers by itself.
        posts = [post for post in answer["messages"] if "user" in post and not post.get("bot_id")]
        return [
            Line(await self.name(post["user"]), plain_text(post.get("text", ""), self._bot_user_id))
            for post in posts
            if float(post["ts"]) < float(before)
        ]

    async def link(self, message: Message) -> str:
        thread = Thread.of(message.conversation.address)
        try:
            answer = await self._client.chat_getPermalink(channel=thread.channel, message_ts=thread.ts)
        except SlackApiError as error:
            log.warning("no permalink", error=error.response.get("error"))
            return ""
        return str(answer["permalink"])

    def channel(self, conversation: Conversation) -> str:
        return Thread.of(conversation.address).place

    async def name(self, user: str) -> str:
        """What people call a user."""
        return await self._named(user, lambda: self._client.users_info(user=user), _person)

    async def _channel_name(self, thread: Thread) -> str:
        return await self._named(
            thread.channel,
            lambda: self._client.conversations_info(channel=thread.channel),
            lambda answer: str(answer["channel"].get("name") or ""),
        )

    async def _named(self, identity: str, ask: Any, read: Any) -> str:
        if identity not in self._names:
            try:
                self._names[identity] = read(await ask())
            except SlackApiError as error:
                log.warning("no name", of=identity, error=error.response.get("error"))
                return identity
        return self._names[identity]


def _person(answer: Any) -> str:
    user = answer["user"]
    return str(user.get("profile", {}).get("display_name") or user.get("real_name") or user["name"])


@asynccontextmanager
async def _unless_gone(conversation: Conversation) -> AsyncIterator[None]:
    """Pass over a place where nothing can be shown any more: repeating would not help."""
    try:
        yield
    except SlackApiError as error:
        if error.response.get("error") not in GONE:
            raise
        log.warning("can't post", conversation=conversation.address, error=error.response.get("error"))
