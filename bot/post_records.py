"""What the bot remembers of its posts: each key is posted once in a conversation, also across restarts."""

from __future__ import annotations

import time

import sqlalchemy as sa

from bot.restored import may_have_more
from bot.tables import PostRow
from orchestrator.database import Database


class PostRecords:
    """Posts by key and conversation, in `database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, key: str, conversation_id: str) -> tuple[str | None, bool]:
        """The platform's reference to what was posted, and whether this is the first time that anybody asks.

        No reference and not the first time: an attempt whose outcome nobody wrote down. So it is, too, where the
        database was returned to a backup: it may have been posted since.
        """
        async with self._database.write() as session:
            row = await session.get(PostRow, (key, conversation_id))
            if row is not None:
                return row.reference, False
            fresh = not await may_have_more(session, conversation_id)
            session.add(
                PostRow(key=key, conversation_id=conversation_id, reference=None, created_at=time.time())
            )
            return None, fresh

    async def forget(self, key: str, conversation_id: str) -> None:
        """What was posted under the key is gone: whoever asks next has to look, or to post anew."""
        async with self._database.write() as session:
            await session.execute(
                sa.update(PostRow)
                .where(PostRow.key == key, PostRow.conversation_id == conversation_id)
                .values(reference=None)
            )

    async def remember(self, key: str, conversation_id: str, reference: str) -> None:
        async with self._database.write() as session:
            await session.execute(
                sa.update(PostRow)
                .where(PostRow.key == key, PostRow.conversation_id == conversation_id)
                .values(reference=reference)
            )
