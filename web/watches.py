"""Links for watching: whoever has one sees a workspace's terminals and can't type."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable

import sqlalchemy as sa

from orchestrator.database import Database
from orchestrator.interactive.opening import Opening
from web.people import Person
from web.tables import WatchRow

SECONDS = 30 * 86_400


class Watches:
    """The links in `database`, of which only hashes are stored. revoked: told the hash of each that is taken back."""

    def __init__(
        self,
        database: Database,
        *,
        revoked: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._revoked = revoked
        self._clock = clock

    async def create(self, opening: Opening, person: Person) -> str:
        """A token to watch this opening with, for thirty days at most; it is worth nothing in the next opening."""
        token, now = secrets.token_urlsafe(32), self._clock()
        async with self._database.write() as session:
            await session.execute(sa.delete(WatchRow).where(WatchRow.expires_at <= now))
            session.add(
                WatchRow(
                    hash=self.hash(token),
                    workspace_id=opening.workspace.id,
                    opening_id=opening.id,
                    created_by=person.id,
                    expires_at=now + SECONDS,
                )
            )
        return token

    async def opening(self, token_hash: str) -> str | None:
        """The id of the opening that a token shows, by the token's hash; whether it is live is for others to say."""
        async with self._database.read() as session:
            return await session.scalar(
                sa.select(WatchRow.opening_id).where(
                    WatchRow.hash == token_hash, WatchRow.expires_at > self._clock()
                )
            )

    async def revoke(self, workspace_id: str) -> None:
        """Take all links of a workspace back; who watches is cut off before this returns."""
        async with self._database.write() as session:
            found = await session.scalars(
                sa.delete(WatchRow).where(WatchRow.workspace_id == workspace_id).returning(WatchRow.hash)
            )
            hashes = list(found)
        for token_hash in hashes:
            self._revoked(token_hash)

    @staticmethod
    def hash(token: str) -> str:
        """What a token is stored and looked up by: comparing hashes tells nobody how much of a guess was right."""
        return hashlib.sha256(token.encode(errors="replace")).hexdigest()
