"""Notes of what has begun and must be told, by name, in the database."""

from __future__ import annotations

import time

import sqlalchemy as sa

from orchestrator.database import Database
from orchestrator.tables import MarkRow


class Marks:
    """Names that are there or are not, in `database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, name: str) -> None:
        """One that is there already stays as it is."""
        async with self._database.write() as session:
            if await session.get(MarkRow, name) is None:
                session.add(MarkRow(name=name, at=time.time(), text=""))

    async def has(self, name: str) -> bool:
        async with self._database.read() as session:
            return await session.get(MarkRow, name) is not None

    async def names(self, prefix: str) -> list[str]:
        """Those that begin so, oldest first."""
        async with self._database.read() as session:
            found = await session.scalars(
                sa.select(MarkRow.name)
                .where(MarkRow.name.startswith(prefix, autoescape=True))
                .order_by(MarkRow.at)
            )
            return list(found)

    async def remove(self, name: str) -> None:
        """One that is not there is fine."""
        async with self._database.write() as session:
            await session.execute(sa.delete(MarkRow).where(MarkRow.name == name))
