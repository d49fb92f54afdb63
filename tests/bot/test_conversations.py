"""Deliveries become messages of conversations, each once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.conversations import Conversations, Incoming, MessageState
from bot.schema import migrate
from orchestrator.database import Database

MENTION = Incoming(
    delivery_id="slack:Ev1",
    platform="slack",
    source="slack:C1:1.1",
    address="slack:T1:C1:1.1",
    author="U1",
    text="fix it",
    begins=True,
    payload={"event_id": "Ev1"},
)
REPLY = replace(MENTION, delivery_id="slack:Ev2", source="slack:C1:1.2", text="and that", begins=False)


@pytest.fixture
async def conversations(tmp_path: Path) -> AsyncIterator[Conversations]:
    database = Database(f"sqlite:///{tmp_path / 'heddle.db'}")
    await migrate(database)
    yield Conversations(database)
    await database.close()


async def test_mention_begins_a_conversation(conversations: Conversations) -> None:
    message = await conversations.receive(MENTION)
    assert message is not None
    assert message.text == "fix it"
    assert message.state is MessageState.RECEIVED
    assert await conversations.message(message.id) == message


async def test_same_delivery_twice_is_one_message(conversations: Conversations) -> None:
    results = await asyncio.gather(*(conversations.receive(MENTION) for _ in range(10)))
    assert len([message for message in results if message is not None]) == 1
    assert len(await conversations.unhandled()) == 1


async def test_two_deliveries_of_one_post_are_one_message(conversations: Conversations) -> None:
    assert await conversations.receive(MENTION) is not None
    assert await conversations.receive(replace(MENTION, delivery_id="slack:Ev9")) is None


async def test_reply_belongs_to_the_conversation_it_is_in(conversations: Conversations) -> None:
    first = await conversations.receive(MENTION)
    second = await conversations.receive(REPLY)
    assert first is not None
    assert second is not None
    assert second.conversation.id == first.conversation.id
    assert [message.text for message in await conversations.unhandled()] == ["fix it", "and that"]


async def test_reply_in_somebody_elses_thread_is_nothing(conversations: Conversations) -> None:
    assert await conversations.receive(REPLY) is None
    assert await conversations.unhandled() == []
    # Nothing was stored for it: the same thread may become a conversation later.
    assert await conversations.receive(MENTION) is not None
    assert await conversations.receive(REPLY) is not None


async def test_states_and_choices_are_remembered(conversations: Conversations) -> None:
    message = await conversations.receive(MENTION)
    assert message is not None
    await conversations.mark(message.id, MessageState.WAITING)
    assert await conversations.unhandled() == []
    assert [waiting.id for waiting in await conversations.waiting(message.conversation.id)] == [message.id]
    await conversations.choose(message.conversation.id, "acme/tally", "main")
    await conversations.choose(message.conversation.id, "acme/tally", None)
    conversation = await conversations.conversation(message.conversation.id)
    assert (conversation.repository, conversation.branch) == ("acme/tally", "main")


async def test_linked_conversations_are_a_group(conversations: Conversations) -> None:
    names = ("a", "b", "c", "d")
    a, b, c, d = [await conversations.ensure("github", name, "acme/tally") for name in names]
    assert await conversations.link(a.id, b.id)
    assert await conversations.link(c.id, d.id)
    assert await conversations.link(b.id, c.id)
    assert not await conversations.link(a.id, d.id)
    assert [one.address for one in await conversations.linked(c.id)] == ["c", "a", "b", "d"]
    assert await conversations.unlink(a.id)
    assert not await conversations.unlink(a.id)
    assert [one.address for one in await conversations.linked(a.id)] == ["a"]
    assert [one.address for one in await conversations.linked(b.id)] == ["b", "c", "d"]


async def test_conversation_is_made_once(conversations: Conversations) -> None:
    made = await asyncio.gather(*(conversations.ensure("github", "x", "acme/tally") for _ in range(5)))
    assert len({one.id for one in made}) == 1
    assert await conversations.at("x") == made[0]
    assert await conversations.at("y") is None


async def test_what_was_held_back_is_given_out_once(conversations: Conversations) -> None:
    message = await conversations.receive(MENTION)
    assert message is not None
    await conversations.mark(message.id, MessageState.HELD_BACK)
    assert await conversations.unhandled() == []
    assert await conversations.held_back("somebody else") == []
    assert [held.id for held in await conversations.held_back("U1")] == [message.id]
    assert await conversations.held_back("U1") == []
    assert [held.id for held in await conversations.unhandled()] == [message.id]


async def test_recorded_delivery_is_no_message(conversations: Conversations) -> None:
    await conversations.record("github:1", "github")
    await conversations.record("github:1", "github")
    assert await conversations.delivered(["github:1", "github:2"]) == {"github:1"}
    assert await conversations.receive(replace(MENTION, delivery_id="github:1")) is None


async def test_message_keeps_what_its_platform_knows(conversations: Conversations) -> None:
    message = await conversations.receive(replace(MENTION, data={"node": "IC_1", "at": 2.5}))
    assert message is not None
    assert (await conversations.message(message.id)).data == {"node": "IC_1", "at": 2.5}


async def test_channel_default_can_be_changed(conversations: Conversations) -> None:
    assert await conversations.channel_repository("slack:T1:C1") is None
    await conversations.use("slack:T1:C1", "acme/one")
    await conversations.use("slack:T1:C1", "acme/two")
    assert await conversations.channel_repository("slack:T1:C1") == "acme/two"
