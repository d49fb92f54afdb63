"""Messages of which nobody knows whether they were handled: the database was returned to a backup."""

from __future__ import annotations

import asyncio

from bot import wording
from bot.conversations import Message, MessageKind, MessageState
from bot.messages import Messages
from tests.bot.stage import HOME, Stage, tasks


async def recovered(stage: Stage) -> None:
    """A start of Heddle, until all is handled."""
    messages = Messages(
        conversations=stage.conversations,
        platforms={"slack": stage.chat, "github": stage.forge},
        handling=stage.handling,
    )
    await messages.recover()
    async with asyncio.timeout(10):
        while await stage.conversations.unhandled():
            await asyncio.sleep(0.01)
    await messages.close()


async def doubtful(stage: Stage, text: str, kind: MessageKind = MessageKind.TEXT) -> Message:
    message = await stage.hear(text, kind=kind)
    await stage.conversations.mark(message.id, MessageState.DOUBTFUL)
    return message


async def test_message_that_nobody_has_answered_is_handled(stage: Stage) -> None:
    message = await doubtful(stage, f"fix it repo:{HOME}")
    await recovered(stage)
    assert tasks(stage) == ["fix it"]
    assert (await stage.conversations.message(message.id)).state is MessageState.HANDLED
    assert stage.replies(message) == []


async def test_message_that_may_have_been_answered_is_not_done_again(stage: Stage) -> None:
    message = await doubtful(stage, f"fix it repo:{HOME}")
    stage.chat.replied_to.add(message.id)
    await recovered(stage)
    assert tasks(stage) == []
    assert (await stage.conversations.message(message.id)).state is MessageState.HANDLED
    assert stage.replies(message) == [wording.DOUBTFUL]


async def test_nothing_is_said_of_buttons(stage: Stage) -> None:
    message = await doubtful(stage, "", MessageKind.DISCARD)
    stage.chat.replied_to.add(message.id)
    await recovered(stage)
    assert stage.interactive.closes == []
    assert stage.chat.said == {}
