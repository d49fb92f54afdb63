"""Messages: each is stored, noticed at once, and answered exactly once, in its conversation's order."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

import structlog
from aiohttp import ClientError
from slack_sdk.errors import SlackClientError

from bot import wording
from bot.conversations import Conversation, Conversations, Incoming, Message, MessageKind, MessageState
from bot.handling import Handling
from bot.platform import Platform
from orchestrator.forge import ForgeUnavailable
from orchestrator.lanes import Lanes
from orchestrator.persistence import persist

AT_ONCE = 16  # messages of different conversations

# What the other side of a connection may answer by itself a moment later.
TRANSIENT = (ClientError, ForgeUnavailable, SlackClientError, TimeoutError, OSError)

log = structlog.get_logger(__name__)


class Messages:
    """Takes what people say and has it handled.

    A message's row is its place in the queue: stored as received before the delivery is acknowledged, and
    marked as handled after everything that it asks for is durable itself. Handling may be repeated.
    """

    def __init__(
        self, *, conversations: Conversations, platforms: Mapping[str, Platform], handling: Handling
    ) -> None:
        self._conversations = conversations
        self._platforms = platforms
        self._handling = handling
        self._lanes = Lanes(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._taken: set[str] = set()  # ids of messages
        self._newest: dict[str, asyncio.Task[None]] = {}  # the last message's task of each group

    async def receive(self, incoming: Incoming) -> None:
        """Store a delivery; once this returns it may be acknowledged. Its handling goes on by itself."""
        message = await self._conversations.receive(incoming)
        if message is not None:
            self._dispatch(message)

    async def recover(self) -> None:
        """Take up the messages that were stored and not handled, because Heddle ended or something failed."""
        for message in await self._conversations.unhandled():
            if message.id not in self._taken:
                self._dispatch(message)

    async def release(self, author: str) -> None:
        """Take up what a person has said before their account was linked."""
        for message in await self._conversations.held_back(author):
            self._dispatch(message)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _dispatch(self, message: Message) -> None:
        group = message.conversation.group
        self._own(self._notice(message), f"notice {message.id}")
        before = self._newest.get(group)
        self._taken.add(message.id)
        self._newest[group] = self._own(self._in_turn(before, message), f"message {message.id}")

    async def _in_turn(self, before: asyncio.Task[None] | None, message: Message) -> None:
        """Handle a message once the earlier ones of its conversation, and of those linked with it, are done with."""
        group = message.conversation.group
        try:
            if before is not None:
                await asyncio.wait({before})
            await persist(f"handling message {message.id}", lambda: self._handle(message), on=TRANSIENT)
        finally:
            self._taken.discard(message.id)
            if self._newest.get(group) is asyncio.current_task():
                del self._newest[group]

    def _own(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._disown)
        return task

    def _disown(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # The sweep for unhandled messages takes it up again.
            log.error("a task failed", task=task.get_name(), error=repr(error))

    async def _notice(self, message: Message) -> None:
        try:
            await self._platform(message.conversation).seen(message)
        except Exception as error:  # only a courtesy: the message is handled all the same
            log.warning("could not react", message=message.id, error=repr(error))

    async def _handle(self, message: Message) -> None:
        # A slot is held for one try only: while one platform is away, the others' messages go on.
        async with self._lanes.slot():
            # Whoever is linked to whom may have changed since the message was stored.
            message = await self._conversations.message(message.id)
            try:
                if message.state is MessageState.DOUBTFUL and await self._was_handled(message):
                    state = MessageState.HANDLED
                else:
                    state = await self._handling.handle(message)
            except TRANSIENT:
                raise
            except Exception as error:
                log.exception("could not handle a message", message=message.id)
                await self._handling.apologise(message, error)
                state = MessageState.HANDLED
            await self._conversations.mark(message.id, state)

    async def _was_handled(self, message: Message) -> bool:
        """Whether somebody has heard of Heddle since a message that the database, older than that, doesn't know about."""
        platform = self._platform(message.conversation)
        if not await platform.replied(message):
            return False
        if message.kind in (MessageKind.TEXT, MessageKind.SUBJECT):
            await platform.say(message.conversation, f"restored:{message.id}", wording.DOUBTFUL)
        return True

    def _platform(self, conversation: Conversation) -> Platform:
        return self._platforms[conversation.platform]
