"""Conversations and their messages, as data and in the database."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.endings import WANTED, Endings
from bot.tables import ChannelRow, ConversationRow, DeliveryRow, MessageRow
from orchestrator.database import Database


class MessageKind(StrEnum):
    """How a person said something."""

    TEXT = "text"
    CHOICE = "choice"  # a repository, chosen in Heddle's question
    STOP = "stop"  # the button on a report
    CONTINUE = "continue"  # the button on a report: go on in a terminal
    ENTER = "enter"  # the button for whoever wants to go into a workspace
    RESCUE = "rescue"  # the buttons under what a close would lose: push it first,
    DISCARD = "discard"  # or lose it
    SUBJECT = "subject"  # not in words: what the conversation is about is the task
    CHECKS = "checks"  # nobody said it: checks have failed


class MessageState(StrEnum):
    RECEIVED = "received"
    WAITING = "waiting"  # for the person to name a repository
    HELD_BACK = "held back"  # until the person has linked an account
    HANDLED = "handled"
    DOUBTFUL = "doubtful"  # handled or not: the database was returned to a backup from before that


@dataclass(frozen=True, slots=True)
class Incoming:
    """A delivery, read: what a person said, where, and whether it may begin a conversation.

    delivery_id: the platform's id of the delivery. source: identifies the post itself, so that two
    deliveries of one post are one message. address: of the conversation. subject: what a choice or a
    button is about (a message's, a run's or a workspace's id). repository: of a conversation that is always about one.
    data: what the platform needs to know of the message when it is handled.
    """

    delivery_id: str
    platform: str
    source: str
    address: str
    author: str
    text: str
    begins: bool
    kind: MessageKind = MessageKind.TEXT
    subject: str = ""
    repository: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Conversation:
    """Conversations of the same group are linked: they share their workspaces and show the same reports."""

    id: str
    platform: str
    address: str
    repository: str | None
    branch: str | None
    group: str


@dataclass(frozen=True, slots=True)
class Message:
    id: str
    conversation: Conversation
    source: str
    kind: MessageKind
    author: str
    text: str
    subject: str
    state: MessageState
    received_at: float
    data: Mapping[str, Any] = field(default_factory=dict)


class Conversations:
    """What the bot remembers of conversations, in `database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def receive(self, incoming: Incoming) -> Message | None:
        """Store a delivery and its message, durably before this returns.

        None when there is nothing to do: it was here already, or it belongs to no conversation of Heddle's.
        """
        async with self._database.write() as session:
            if await session.get(DeliveryRow, incoming.delivery_id) is not None:
                return None
            conversation = await session.scalar(
                sa.select(ConversationRow).where(ConversationRow.address == incoming.address)
            )
            if conversation is None and not incoming.begins:
                return None
            now = time.time()
            session.add(
                DeliveryRow(
                    id=incoming.delivery_id,
                    platform=incoming.platform,
                    payload=dict(incoming.payload),
                    received_at=now,
                )
            )
            known = await session.scalar(sa.select(MessageRow.id).where(MessageRow.source == incoming.source))
            if known is not None:
                return None
            if conversation is None:
                conversation = _new(incoming.platform, incoming.address, incoming.repository)
                session.add(conversation)
            elif incoming.kind.value in WANTED:
                conversation.ended_at, conversation.merged = None, False  # it goes on
            row = MessageRow(
                id=str(uuid.uuid4()),  # Claude Code takes only UUIDs as ids of messages
                source=incoming.source,
                conversation_id=conversation.id,
                kind=incoming.kind.value,
                author=incoming.author,
                text=incoming.text,
                data={**incoming.data, "subject": incoming.subject},
                state=MessageState.RECEIVED.value,
                received_at=now,
            )
            await session.flush()  # the conversation first
            session.add(row)
            await session.flush()
            return _message(row, conversation)

    async def record(self, delivery_id: str, platform: str) -> None:
        """Remember that a delivery was here, which holds no message, or is stored already with one."""
        async with self._database.write() as session:
            if await session.get(DeliveryRow, delivery_id) is None:
                row = DeliveryRow(id=delivery_id, platform=platform, payload={}, received_at=time.time())
                session.add(row)

    async def delivered(self, delivery_ids: Sequence[str]) -> set[str]:
        """Those of the deliveries that are stored."""
        async with self._database.read() as session:
            found = await session.scalars(sa.select(DeliveryRow.id).where(DeliveryRow.id.in_(delivery_ids)))
            return set(found)

    async def message(self, message_id: str) -> Message:
        async with self._database.read() as session:
            row = await session.get_one(MessageRow, message_id)
            return _message(row, await session.get_one(ConversationRow, row.conversation_id))

    async def conversation(self, conversation_id: str) -> Conversation:
        async with self._database.read() as session:
            return _conversation(await session.get_one(ConversationRow, conversation_id))

    async def at(self, address: str) -> Conversation | None:
        """The conversation of this address, if there is one."""
        async with self._database.read() as session:
            row = await session.scalar(sa.select(ConversationRow).where(ConversationRow.address == address))
            return _conversation(row) if row is not None else None

    async def ensure(self, platform: str, address: str, repository: str | None) -> Conversation:
        """The conversation of this address, begun if there is none."""
        async with self._database.write() as session:
            row = await session.scalar(sa.select(ConversationRow).where(ConversationRow.address == address))
            if row is None:
                row = _new(platform, address, repository)
                session.add(row)
                await session.flush()
            return _conversation(row)

    async def ended(self) -> Mapping[str, float]:
        """See `Endings.ended`."""
        return await Endings(self._database).ended()

    async def linked(self, conversation_id: str) -> list[Conversation]:
        """The conversation and those that are linked with it, itself first; none when there is no such conversation."""
        async with self._database.read() as session:
            own = await session.get(ConversationRow, conversation_id)
            if own is None:
                return []
            rows = await session.scalars(
                sa.select(ConversationRow)
                .where(ConversationRow.group_id == own.group_id, ConversationRow.id != own.id)
                .order_by(ConversationRow.created_at)
            )
            return [_conversation(own), *map(_conversation, rows)]

    async def link(self, one_id: str, other_id: str) -> bool:
        """Link two conversations, and whatever each is linked with; False when they were linked before."""
        async with self._database.write() as session:
            one = await session.get_one(ConversationRow, one_id)
            other = await session.get_one(ConversationRow, other_id)
            if one.group_id == other.group_id:
                return False
            await session.execute(
                sa.update(ConversationRow)
                .where(ConversationRow.group_id == other.group_id)
                .values(group_id=one.group_id)
            )
            return True

    async def unlink(self, conversation_id: str) -> bool:
        """Let a conversation stand alone; False when it did before."""
        async with self._database.write() as session:
            own = await session.get_one(ConversationRow, conversation_id)
            others = await session.scalar(
                sa.select(sa.func.count()).where(
                    ConversationRow.group_id == own.group_id, ConversationRow.id != own.id
                )
            )
            if not others:
                return False
            own.group_id = str(uuid.uuid4())
            return True

    async def unhandled(self) -> list[Message]:
        """Messages that were stored and not yet handled, or of which nobody knows that, oldest first."""
        states = [MessageState.RECEIVED.value, MessageState.DOUBTFUL.value]
        async with self._database.read() as session:
            return await _messages(session, MessageRow.state.in_(states))

    async def waiting(self, conversation_id: str) -> list[Message]:
        """Messages of a conversation that wait for a repository, oldest first."""
        async with self._database.read() as session:
            return await _messages(
                session,
                MessageRow.conversation_id == conversation_id,
                MessageRow.state == MessageState.WAITING.value,
            )

    async def held_back(self, author: str) -> list[Message]:
        """Messages of a person that wait until their account is linked, which wait no longer, oldest first."""
        async with self._database.write() as session:
            held = (MessageRow.author == author, MessageRow.state == MessageState.HELD_BACK.value)
            found = [message.id for message in await _messages(session, *held)]
            await session.execute(
                sa.update(MessageRow)
                .where(MessageRow.id.in_(found))
                .values(state=MessageState.RECEIVED.value)
            )
            return await _messages(session, MessageRow.id.in_(found))

    async def count(self, conversation_id: str, kind: MessageKind, *, until: float) -> int:
        """How many messages of a kind a conversation had got by then."""
        async with self._database.read() as session:
            found = await session.scalar(
                sa.select(sa.func.count()).where(
                    MessageRow.conversation_id == conversation_id,
                    MessageRow.kind == kind.value,
                    MessageRow.received_at <= until,
                )
            )
            return found or 0

    async def mark(self, message_id: str, state: MessageState) -> None:
        async with self._database.write() as session:
            await session.execute(
                sa.update(MessageRow).where(MessageRow.id == message_id).values(state=state.value)
            )

    async def choose(self, conversation_id: str, repository: str, branch: str | None) -> None:
        """Remember what a conversation is about."""
        values = {"repository": repository} | ({"branch": branch} if branch is not None else {})
        async with self._database.write() as session:
            await session.execute(
                sa.update(ConversationRow).where(ConversationRow.id == conversation_id).values(**values)
            )

    async def channel_repository(self, channel: str) -> str | None:
        """The repository that a channel uses where a conversation names none."""
        async with self._database.read() as session:
            row = await session.get(ChannelRow, channel)
            return row.repository if row is not None else None

    async def use(self, channel: str, repository: str) -> None:
        """Remember a channel's repository."""
        async with self._database.write() as session:
            await session.merge(ChannelRow(address=channel, repository=repository))


async def _messages(session: AsyncSession, *conditions: sa.ColumnElement[bool]) -> list[Message]:
    rows = await session.execute(
        sa.select(MessageRow, ConversationRow)
        .join(ConversationRow, ConversationRow.id == MessageRow.conversation_id)
        .where(*conditions)
        .order_by(MessageRow.received_at)
    )
    return [_message(row, conversation) for row, conversation in rows]


def _conversation(row: ConversationRow) -> Conversation:
    return Conversation(row.id, row.platform, row.address, row.repository, row.branch, row.group_id)


def _new(platform: str, address: str, repository: str | None) -> ConversationRow:
    identity = str(uuid.uuid4())
    return ConversationRow(
        id=identity,
        platform=platform,
        address=address,
        repository=repository,
        branch=None,
        group_id=identity,
        created_at=time.time(),
    )


def _message(row: MessageRow, conversation: ConversationRow) -> Message:
    return Message(
        id=row.id,
        conversation=_conversation(conversation),
        source=row.source,
        kind=MessageKind(row.kind),
        author=row.author,
        text=row.text,
        subject=row.data.get("subject", ""),
        state=MessageState(row.state),
        received_at=row.received_at,
        data={name: value for name, value in row.data.items() if name != "subject"},
    )
