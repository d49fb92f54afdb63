"""What the bot remembers: deliveries, conversations, messages, what Heddle posted, channels' defaults."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.database import Base


class DeliveryRow(Base):
    """One event as a platform sent it, stored before it is acknowledged."""

    __tablename__ = "deliveries"

    id: Mapped[str] = mapped_column(primary_key=True)  # the platform's own id of the delivery
    platform: Mapped[str]
    payload: Mapped[dict[str, Any]]
    received_at: Mapped[float] = mapped_column(index=True)


class ConversationRow(Base):
    """A Slack thread or a GitHub issue or pull request; `address` is its platform's identity of it."""

    __tablename__ = "conversations"

    id: Mapped[str] = mapped_column(primary_key=True)
    platform: Mapped[str]
    address: Mapped[str] = mapped_column(unique=True)
    repository: Mapped[str | None]
    branch: Mapped[str | None]
    group_id: Mapped[str] = mapped_column(index=True)  # the same for conversations that are linked
    created_at: Mapped[float]
    ended_at: Mapped[float | None]  # since when it is closed, merged or archived; None while it goes on
    merged: Mapped[bool] = mapped_column(default=False)  # it is a pull request, and ended by being merged


class MessageRow(Base):
    """One post by a person; `source` is unique, so that two deliveries of one post are one message."""

    __tablename__ = "messages"

    id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(unique=True)
    conversation_id: Mapped[str] = mapped_column(sa.ForeignKey("conversations.id"), index=True)
    kind: Mapped[str]
    author: Mapped[str]
    text: Mapped[str]
    data: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(index=True)
    received_at: Mapped[float]


class PostRow(Base):
    """One message of Heddle's, by a key that says what it is for, so that it is posted once in a conversation."""

    __tablename__ = "posts"

    key: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(primary_key=True)
    reference: Mapped[str | None]  # the platform's id of the posted message, once known
    created_at: Mapped[float]


class ChannelRow(Base):
    """What a channel has chosen for all its conversations."""

    __tablename__ = "channels"

    address: Mapped[str] = mapped_column(primary_key=True)
    repository: Mapped[str]


class AccountRow(Base):
    """The GitHub account that a person of a chat platform has linked."""

    __tablename__ = "accounts"

    person: Mapped[str] = mapped_column(primary_key=True)
    github_id: Mapped[int] = mapped_column(sa.BigInteger)
    login: Mapped[str]
    linked_at: Mapped[float]


class TicketRow(Base):
    """A ticket with which its person can link an account once; only its hash is kept."""

    __tablename__ = "tickets"

    hash: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    expires_at: Mapped[float]
    used: Mapped[bool]
