"""A conversation's row made anew, from what the labels of its workspace say, after the database was lost."""

from __future__ import annotations

import time

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.github.addresses import PLATFORM as GITHUB
from bot.github.addresses import name_in
from bot.slack.deliveries import PLATFORM as SLACK
from bot.slack.thread import Thread
from bot.tables import ConversationRow, MessageRow, PostRow
from orchestrator.database import Database
from orchestrator.tables import OpeningRow, RunRow, WorkspaceRow

MOVED = "{address} (was {id})"  # the address of a row for the moment in which another one takes its place


async def adopt(database: Database, conversation_id: str, address: str) -> bool:
    """Make the row, unless there is one with that id; False when the address is none of a known platform.

    Somebody may have written in the conversation since, so that it has got a row with another id: that one's
    messages, posts and workspaces become this one's.
    """
    known = _read(address)
    if known is None:
        return False
    platform, repository = known
    async with database.write() as session:
        if await session.get(ConversationRow, conversation_id) is not None:
            return True
        other = await session.scalar(sa.select(ConversationRow).where(ConversationRow.address == address))
        if other is not None:
            other.address = MOVED.format(address=address, id=other.id)
            await session.flush()
        session.add(
            ConversationRow(
                id=conversation_id,
                platform=platform,
                address=address,
                repository=other.repository if other is not None else repository,
                branch=other.branch if other is not None else None,
                group_id=other.group_id if other is not None else conversation_id,
                created_at=other.created_at if other is not None else time.time(),
                ended_at=other.ended_at if other is not None else None,
                merged=other.merged if other is not None else False,
            )
        )
        await session.flush()
        if other is not None:
            await _give(session, other.id, conversation_id)
            await session.delete(other)
        return True


async def _give(session: AsyncSession, old: str, new: str) -> None:
    for table in (MessageRow, PostRow, WorkspaceRow, RunRow, OpeningRow):
        await session.execute(
            sa.update(table).where(table.conversation_id == old).values(conversation_id=new)
        )


def _read(address: str) -> tuple[str, str | None] | None:
    """The platform of an address, and the repository that it is about for good."""
    try:
        if address.startswith(f"{GITHUB}:"):
            return GITHUB, name_in(address).repository
        Thread.of(address)
        return SLACK, None
    except ValueError:
        return None
